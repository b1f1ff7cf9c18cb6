import { runMatrix } from "./matrix.ts";

runMatrix("3.6");
