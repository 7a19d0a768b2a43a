import type {ProxyProtocol} from '../../schemas/tcp.ts';

/** HAProxy. It is there only while some app has a port. */
export interface ObservedTcp {
  /** What it starts from. `undefined`: nothing of ours, or changed by hand. */
  readonly file: TcpStructure | undefined;
  readonly running:
    /** `sinceMs`: as far as was seen, milliseconds since 1970. */
    | {readonly state: 'silent'; readonly sinceMs: number}
    /** False: what runs was made from another file. */
    | {readonly state: 'ready'; readonly isFromFile: boolean};
  /** Ports of this node that something other than HAProxy listens on. */
  readonly takenPorts: ReadonlySet<number>;
  /** Ports that the node itself needs, whether it listens on them now or not, and what for. */
  readonly ownPorts: ReadonlyMap<number, string>;
  /** Open connections from this node by `address:port` of their other end. Absent: none. */
  readonly connections: ReadonlyMap<string, number>;
}

/** What has to be in HAProxy's configuration. Sorted by port. */
export type TcpStructure = readonly TcpListener[];

export interface TcpListener {
  readonly port: number;
  /** Networks whose connections begin with a PROXY header. Sorted. */
  readonly acceptProxyFrom?: readonly string[];
  /** One, or one for each host. */
  readonly backends: readonly {
    /** SRV name of the replicas. */
    readonly name: string;
    /** Replicas that there is room for. */
    readonly slots: number;
    readonly sni?: string;
    /** TLS ends here, with this certificate. All backends of a listener have one, or none. */
    readonly certificate?: TcpCertificate;
    readonly allow?: readonly string[];
    readonly proxyProtocol: ProxyProtocol;
    readonly idleTimeoutMs: number;
  }[];
}

/** Where the files of a certificate are, and which one it is: another one is another configuration. */
export type TcpCertificate =
  /** One of people's own. */
  | {readonly kind: 'own'; readonly id: string}
  /** Ordered from an authority. Milliseconds since 1970. */
  | {readonly kind: 'issued'; readonly host: string; readonly directory: string; readonly notAfterMs: number};
