import { isFolder } from "../../io/loose-file.ts";
import type { Context } from "../context.ts";

/**
 * Where copies of manifests are kept on this machine; undefined where nothing says where caches lie, and where there is
 * no home: a service's user often has none, and a cache is no reason to make one.
 */
export function cacheDirectory({ env }: Pick<Context, "env">): string | undefined {
  const { HOLDFAST_CACHE_DIR: own, XDG_CACHE_HOME: caches, HOME: home } = env;
  if (own) return own;
  if (caches) return `${caches}/holdfast`;
  return home && isFolder(home) ? `${home}/.cache/holdfast` : undefined;
}
