declare const brand: unique symbol;
type Branded<Name extends string> = string & {readonly [brand]: Name};

/** Name of an app: a DNS label, the folder below `apps/`. */
export type AppName = Branded<'AppName'>;
/** What is kept of an app outside of git goes by this, for as long as it lives: its first name, whatever it is called later. */
export type AppId = Branded<'AppId'>;
/** Name of a service inside its app: a DNS label, a Procfile line's key. */
export type ServiceName = Branded<'ServiceName'>;
/** Name of a command with a schedule inside its app: a key of `cron`. */
export type CronName = Branded<'CronName'>;
/** Name of a node: the file below `nodes/`. */
export type NodeName = Branded<'NodeName'>;
/** The engine's id of a container, 64 hex digits. */
export type ContainerId = Branded<'ContainerId'>;
/** An image by content, `sha256:` and 64 hex digits: a tag may move, a digest cannot. */
export type ImageDigest = Branded<'ImageDigest'>;
/** Hash of everything that, if changed, needs a new container: 16 hex digits. Stored as a label. */
export type SpecHash = Branded<'SpecHash'>;
/** 40 hex digits of a commit. */
export type CommitId = Branded<'CommitId'>;
/** 40 hex digits of a git tree: the same id means the same files. */
export type TreeId = Branded<'TreeId'>;
/** 40 hex digits of a git blob: the same id means the same text. */
export type BlobId = Branded<'BlobId'>;
