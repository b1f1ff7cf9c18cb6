/** Tokens for Google Cloud: application default credentials, by the store's own HTTP. */
import { Storage } from "@google-cloud/storage";
import { unlessAborted } from "../../io/patience.ts";
import { explainLogin, noCredentials } from "./failure.ts";
import type { Http } from "../http.ts";
import type { StoreLocation } from "../store.ts";

export interface Login {
  /** The token to send with the next request, renewed where that is due; undefined where none is wanted. */
  token(signal: AbortSignal): Promise<string | undefined>;
  /** A request with the current token succeeded. */
  succeeded(): void;
  /**
   * A token was refused that was good before. Whether there is another: renewed meanwhile, or now. One that was never
   * accepted is not renewed.
   */
  renew(refused: string | undefined, signal: AbortSignal): Promise<boolean>;
}

/**
 * The SDK looks for credentials in the environment of the process. An endpoint without TLS is an emulator's, and never
 * gets a token.
 */
export function createLogin(endpoint: string, http: Http, env: StoreLocation["env"]): Login {
  if (endpoint.startsWith("http:"))
    return { token: async () => undefined, succeeded() {}, renew: async () => false };
  const clientOptions = { transporterOptions: { fetchImplementation: fetchOver(http) } };
  // no request names a project, and the SDK would look for one, over the network too
  const logIn = (): Storage["authClient"] =>
    new Storage({ clientOptions, projectId: "none" }).authClient;
  const file = env["GOOGLE_APPLICATION_CREDENTIALS"];
  let session = logIn();
  let isAccepted = false;
  const token = async (signal: AbortSignal): Promise<string> => {
    try {
      const given = await unlessAborted(tokenOf(session), signal);
      if (given) return given;
    } catch (error) {
      signal.throwIfAborted();
      throw explainLogin(error, file);
    }
    throw noCredentials(undefined, file);
  };
  return {
    token,
    succeeded: () => void (isAccepted = true),
    async renew(refused, signal) {
      if ((await token(signal)) !== refused) return true;
      if (!isAccepted) return false;
      isAccepted = false;
      session = logIn();
      return (await token(signal)) !== refused;
    },
  };
}

/** The exchange of a workload identity has a transport of its own, which the options do not reach. */
async function tokenOf(session: Storage["authClient"]): Promise<string | null | undefined> {
  const client = await session.getClient();
  const exchange = Reflect.get(client, "stsCredential") as { transporter: unknown } | undefined;
  if (exchange !== undefined) exchange.transporter = client.transporter;
  return session.getAccessToken();
}

/** What tokens are asked for with. */
function fetchOver(http: Http): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const { method, url, headers, signal } = request;
    const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
    const sent = { method, url: new URL(url), headers: Object.fromEntries(headers), signal };
    const answer = await http.send({ ...sent, body });
    const bytes = Buffer.concat(await answer.toArray());
    const flat = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
    return new Response(bytes.length === 0 ? null : bytes, {
      status: answer.statusCode!,
      headers: flat as [string, string][],
    });
  };
}
