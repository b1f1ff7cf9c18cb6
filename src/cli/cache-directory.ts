import type { Context } from "./context.ts";

/** Where copies of manifests are kept on this machine; undefined where nothing says where caches lie. */
export function cacheDirectory({ env }: Pick<Context, "env">): string | undefined {
  const { HOLDFAST_CACHE_DIR: own, XDG_CACHE_HOME: caches, HOME: home } = env;
  if (own) return own;
  if (caches) return `${caches}/holdfast`;
  return home ? `${home}/.cache/holdfast` : undefined;
}
