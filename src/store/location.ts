/** A store's URL, taken apart. What does not fit is refused with what to write instead; secrets are refused unseen. */
import { HoldfastError } from "../errors.ts";
import { LONGEST_KEY } from "./key.ts";
import { nearest } from "./nearest.ts";
import { PARAMETERS, type Parameter } from "./parameters.ts";
import { SCHEMES, type Scheme, type StoreLocation } from "./store.ts";

type Env = StoreLocation["env"];

const CONTROL = /\p{Cc}/u;

/** Throws "store-url". A bare absolute path is taken as it is, with every ? and % in it. */
export function parseLocation(text: string, env: Env): StoreLocation {
  if (text.startsWith("/")) return fileLocation(text, text, env);
  const scheme = schemeOf(text);
  const url = parseUrl(text);
  const query = queryOf(url);
  refuseSecrets(url, query, scheme);
  const location: StoreLocation = {
    url: text,
    scheme,
    user: url.username === "" ? undefined : decode(url.username),
    host: decode(url.hostname).replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? undefined : Number(url.port),
    path: pathOf(text),
    parameters: parametersOf(query, scheme),
    env,
  };
  refuseMisplaced(location);
  return scheme === "file" ? fileLocation(text, `/${location.path}`, env) : location;
}

function fileLocation(url: string, path: string, env: Env): StoreLocation {
  if (CONTROL.test(path)) throw refusal("a path has no control characters in it");
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) throw refusal(`"${path}": write the path without ".."`);
  return {
    url,
    scheme: "file",
    user: undefined,
    host: "",
    port: undefined,
    path: `/${segments.join("/")}`,
    parameters: new Map(),
    env,
  };
}

function schemeOf(text: string): Scheme {
  const written = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1]?.toLowerCase();
  const known = SCHEMES.find((scheme) => scheme === written);
  if (known !== undefined) return known;
  const what =
    written === undefined ? "is neither a URL nor an absolute path" : "is no kind of store";
  const quoted = written === undefined ? quoteSafely(text) : `"${written}://"`;
  throw refusal(`${quoted} ${what}`, {
    hint: `write an absolute path, or a URL that begins with ${SCHEMES.map((one) => `${one}://`).join(", ")}`,
  });
}

/** Not more than can be told without a secret. */
function quoteSafely(text: string): string {
  return /[@?]/.test(text) ? "what was given" : JSON.stringify(text);
}

function parseUrl(text: string): URL {
  // the parser's own error holds the whole text, with what may be secret in it
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw refusal(`"${text.split("://", 1)[0]}://…" cannot be read as a URL`);
  if (url.hash !== "") throw refusal('a "#" in a URL has to be written as %23');
  return url;
}

type Query = readonly (readonly [name: string, value: string])[];

/** Not as forms are sent: a + is a +. */
function queryOf({ search }: URL): Query {
  const pairs = search.replace(/^\?/, "").split("&");
  return pairs
    .filter((pair) => pair !== "")
    .map((pair) => {
      const [name = "", ...value] = pair.split("=");
      return [decode(name), decode(value.join("="))];
    });
}

const INSTEAD: Readonly<Record<Scheme, string>> = {
  file: "a folder needs no password",
  s3: "use AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile (AWS_PROFILE), or the role of the machine",
  gs: "use GOOGLE_APPLICATION_CREDENTIALS, or the identity of the machine",
  azblob:
    "use AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, or the identity of the machine; never a SAS in the URL",
  sftp: "use a key (identityFile=) or an agent",
  rsync: "use RSYNC_PASSWORD or passwordFile=",
  "rsync+ssh": "use a key (identityFile=) or an agent",
};

const SECRET_NAMES =
  /^(sig|sas|key|.*(password|secret|token|credential|signature|accesskey|accesskeyid|accountkey|passphrase|apikey).*)$/i;

function refuseSecrets(url: URL, query: Query, scheme: Scheme): void {
  const refuse = (what: string): never => {
    throw refusal(`${what} does not belong into the URL of a store`, { hint: INSTEAD[scheme] });
  };
  if (url.password !== "") refuse("a password");
  for (const [name, value] of query) {
    const isFile = PARAMETERS[scheme].some((one) => one.name === name && one.values === "file");
    if (!isFile && SECRET_NAMES.test(name.replaceAll(/[-_]/g, ""))) refuse(`the secret "${name}"`);
    if (/^[a-z][a-z0-9+.-]*:\/\/[^/]*:[^/]*@/i.test(value)) refuse(`the password in "${name}"`);
  }
}

/** Segments between single slashes, decoded one by one so that an encoded slash cannot make two of one. */
function pathOf(text: string): string {
  const raw = /^[^:]+:\/\/[^/?]*([^?]*)/.exec(text)?.[1] ?? "";
  const segments = raw.replace(/^\//, "").replace(/\/$/, "").split("/").map(decode);
  if (segments.length === 1 && segments[0] === "") return "";
  for (const segment of segments) {
    if (
      segment === "" ||
      segment === "." ||
      segment === ".." ||
      segment.includes("/") ||
      CONTROL.test(segment)
    )
      throw refusal(`the path of the URL has ${JSON.stringify(segment)} between two slashes`, {
        hint: "write the path plainly: no empty pieces, no dots alone, no control characters",
      });
  }
  return segments.join("/");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refusal(`"%" stands alone in the URL`, { hint: "write it as %25" });
  }
}

function parametersOf(query: Query, scheme: Scheme): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of query) {
    const parameter = PARAMETERS[scheme].find((one) => one.name === name);
    if (parameter === undefined) throw unknownParameter(name, scheme);
    if (found.has(name)) throw refusal(`"${name}" is given twice`);
    requireValue(parameter, value);
    found.set(name, value);
  }
  return found;
}

function unknownParameter(name: string, scheme: Scheme): HoldfastError {
  const names = PARAMETERS[scheme].map((one) => one.name);
  const close = nearest(name, names);
  const known = names.length === 0 ? "there are none" : `there are ${names.join(", ")}`;
  return refusal(`${scheme}:// has no parameter ${JSON.stringify(name)}`, {
    hint: close === undefined ? known : `did you mean ${close}? ${known}`,
  });
}

type Form = Exclude<Parameter["values"], readonly string[]>;

const FORMS: Readonly<Record<Form, (value: string) => boolean>> = {
  boolean: (value) => /^(true|false)$/.test(value),
  url: isServiceUrl,
  file: (value) => value.length > 1 && value.startsWith("/"),
  count: (value) => /^[1-9][0-9]{0,4}$/.test(value),
  text: (value) => value !== "" && !CONTROL.test(value),
};

/** Whether it is the address of a service, to which paths can be added. */
export function isServiceUrl(text: string): boolean {
  return /^https?:\/\/[^/?#]+[^?#]*$/.test(text) && URL.canParse(text);
}

const WANTED: Readonly<Record<Form, string>> = {
  boolean: "true or false",
  url: "a URL like https://host:port",
  file: "an absolute path",
  count: "a number from 1 to 99999",
  text: "something",
};

function requireValue({ name, values }: Parameter, value: string): void {
  const fits = typeof values === "string" ? FORMS[values](value) : values.includes(value);
  if (fits) return;
  const wanted = typeof values === "string" ? WANTED[values] : values.join(", ");
  throw refusal(`"${name}" is ${JSON.stringify(value)}, wanted ${wanted}`);
}

/** Of the clouds' 1024 bytes for a name, what the longest key and a slash leave. */
const LONGEST_PREFIX = 1024 - LONGEST_KEY - 1;

/** What each kind of place is made of, and how it is written. */
const SHAPES: Readonly<
  Record<Scheme, { host?: string; path?: string; server?: true; form: string }>
> = {
  file: { path: "path", form: "file:///absolute/path" },
  s3: { host: "bucket", form: "s3://bucket/prefix" },
  gs: { host: "bucket", form: "gs://bucket/prefix" },
  azblob: { host: "account", path: "container", form: "azblob://account/container/prefix" },
  sftp: { host: "host", path: "path", server: true, form: "sftp://user@host:port/absolute/path" },
  rsync: { host: "host", path: "module", server: true, form: "rsync://user@host:port/module/path" },
  "rsync+ssh": {
    host: "host",
    path: "path",
    server: true,
    form: "rsync+ssh://user@host:port/absolute/path",
  },
};

function refuseMisplaced({ scheme, host, user, port, path }: StoreLocation): void {
  const shape = SHAPES[scheme];
  const hint = `write ${shape.form}`;
  if (shape.host !== undefined && host === "")
    throw refusal(`the URL has no ${shape.host}`, { hint });
  if (shape.host === undefined && host !== "")
    throw refusal(`a ${scheme}:// URL has no host`, { hint });
  if (shape.path !== undefined && path === "")
    throw refusal(`the URL has no ${shape.path}`, { hint });
  if (shape.server === undefined && (user !== undefined || port !== undefined))
    throw refusal(`a ${scheme}:// URL has no user and no port`, { hint });
  const bytes = Buffer.byteLength(path);
  if (shape.server === undefined && shape.host !== undefined && bytes > LONGEST_PREFIX)
    throw refusal(`its path has ${bytes} bytes, wanted at most ${LONGEST_PREFIX}`, {
      hint: "names of objects are put behind it, and clouds take 1024 bytes in all",
    });
}

function refusal(message: string, options: { hint?: string } = {}): HoldfastError {
  return new HoldfastError("store-url", `cannot use the URL of the store: ${message}`, options);
}
