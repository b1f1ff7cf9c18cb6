import type { ChannelOptions } from "@grpc/grpc-js";
import type { TlsSettings } from "./tls-files.ts";

export interface ConnectionSettings {
  /** For endpoints that leave the choice: TLS if this is given. `https://` needs none of it. */
  readonly tls?: TlsSettings | undefined;
  readonly user?: User | undefined;
  /** A token made elsewhere, instead of a user: it cannot be renewed. */
  readonly token?: string | undefined;
  /** How long a call may go without an answer, connecting included. */
  readonly noProgressMs: number;
  /**
   * Pings while calls are under way, but for bulk ones, whose limit does the same. Left out, only a lack of progress
   * tells that the peer has gone.
   */
  readonly keepAlive?: KeepAlive | undefined;
}

export interface User {
  readonly name: string;
  readonly password: string;
}

export interface KeepAlive {
  readonly timeMs: number;
  readonly timeoutMs: number;
}

/** Enough for 500 MB/s at 16 ms, or 100 MB/s at 80 ms, between here and the server. It fills when we are the slower. */
export const FLOW_CONTROL_WINDOW = 8 << 20;

/** The same for the gRPC library. */
export function channelOptions({ keepAlive }: ConnectionSettings): ChannelOptions {
  return {
    "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW,
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.enable_retries": 0,
    "grpc.enable_channelz": 0,
    // bulk calls open sockets of their own: a proxy for some calls and not for others would explain nothing
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.primary_user_agent": "holdfast",
    ...(keepAlive && {
      "grpc.keepalive_time_ms": keepAlive.timeMs,
      "grpc.keepalive_timeout_ms": keepAlive.timeoutMs,
    }),
  };
}
