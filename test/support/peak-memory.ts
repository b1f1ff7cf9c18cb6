/** Loaded into a program before its own code: at the end it writes down how much memory it held at most, in bytes. */
import { appendFileSync, readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

if (isMainThread)
  process.on("exit", () => {
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))!;
    appendFileSync(process.env["PEAK_MEMORY_FILE"]!, `${Number(kib) * 1024}\n`);
  });
