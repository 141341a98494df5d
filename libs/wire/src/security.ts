/** PEM files of the coordinator. They are read again when they change; a connection keeps what it began with. */
export interface ServerTls {
  /** The certificate, with the certificates between it and its authority where there are some. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities of workers: with it, only a worker with a certificate of one of them gets in. */
  readonly clientCaFile?: string;
}

/** How the coordinator's port is guarded; nothing at all means plaintext, and whoever reaches it may work. */
export interface ServerSecurity {
  readonly tls?: ServerTls;
  /** The tokens accepted now. Asked at each call; may throw a WireError, and then no call is let in. */
  readonly tokens?: () => readonly string[];
}

/** PEM files of a worker, read at each attempt to connect. */
export interface ClientTls {
  /** Authorities of the coordinator; by default those that Node and this machine trust. */
  readonly caFile?: string;
  /** The worker's own certificate and its key, for a coordinator that asks for one. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The name that the coordinator's certificate must have, where it is not the host that is dialled. */
  readonly serverName?: string;
}

/** What a worker shows the coordinator, and expects of it; nothing at all means plaintext. */
export interface ClientSecurity {
  readonly tls?: ClientTls;
  /** The token to show. Asked at each attempt; may throw a WireError, and the attempt has failed then. */
  readonly token?: () => string;
}
