import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import type { Context } from "../context.ts";
import { addRepositoryFlags, addRequiredFlag, repositorySettings } from "./repository.ts";

function settings(line: string, env: Record<string, string> = {}) {
  const command = addRequiredFlag(addRepositoryFlags(new Command("x").exitOverride()));
  command.configureOutput({ writeErr: () => {} });
  command.parse(
    line.split(" ").filter((word) => word !== ""),
    { from: "user" },
  );
  return repositorySettings(command, { env } as Context);
}

test("repositories come from flags, else from the environment, each once", () => {
  const env = { HOLDFAST_REPO: " /a  s3://b/c " };
  assert.deepEqual(settings("", env), {
    urls: ["/a", "s3://b/c"],
    cluster: "default",
    required: 2,
  });
  assert.deepEqual(settings("--repo /x", env).urls, ["/x"]);
  assert.deepEqual(settings("--repo /x --repo /y --repo /x").urls, ["/x", "/y"]);
});

test("the cluster's name: the flag, the variable, default", () => {
  const env = { HOLDFAST_CLUSTER: "prod" };
  assert.equal(settings("--repo /x", env).cluster, "prod");
  assert.equal(settings("--repo /x --cluster test", env).cluster, "test");
  assert.equal(settings("--repo /x --cluster default", env).cluster, "default");
  assert.throws(() => settings("--repo /x", { HOLDFAST_CLUSTER: "../x" }), /cannot be the name/);
  assert.throws(() => settings("--repo /x --cluster a/b"), /It is no name of a cluster/);
});

test("how many repositories are required: all, unless fewer are said", () => {
  assert.equal(settings("--repo /x --repo /y").required, 2);
  assert.equal(settings("--repo /x --repo /y --required 1").required, 1);
  assert.throws(() => settings("--repo /x --required 2"), /--required 2 of 1 repository/);
  assert.throws(() => settings("--repo /x --required 0"), /no number from 1 on/);
});

test("without any repository the command line is wrong", () => {
  assert.throws(
    () => settings(""),
    (error) => error instanceof HoldfastError && error.code === "usage",
  );
});
