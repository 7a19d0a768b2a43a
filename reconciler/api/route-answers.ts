import type {AppName} from '../../schemas/ids.ts';
import type {RouteManifest} from '../../schemas/routes.ts';
import type {TcpRouteManifest} from '../../schemas/tcp.ts';
import type {Written} from './answers.ts';

/** A route as git has it, whatever runs. */
export type RouteAnswer = HttpRouteAnswer | TcpRouteAnswer;

export interface HttpRouteAnswer {
  readonly kind: 'http';
  /** What commands and addresses of this API call it by: `http:shop.example.com/api`. */
  readonly name: string;
  readonly url: string;
  /** The app's own host, which is not written down: app.yaml says nothing of routes. */
  readonly isDefault?: true;
  readonly route: RouteManifest;
}

export interface TcpRouteAnswer {
  readonly kind: 'tcp';
  /** `tcp:5432`, `tcp:443/db.example.com` */
  readonly name: string;
  readonly route: TcpRouteManifest;
}

/** `GET /v1/apps/:app/routes`, and each of `GET /v1/routes`. */
export interface AppRoutes {
  readonly app: AppName;
  readonly routes: readonly RouteAnswer[];
  /** Why they can't be told: its manifest is wrong. */
  readonly problem?: string;
}

export interface RouteWritten extends Written {
  /** Of the route that it is about. */
  readonly route: string;
}

/** `GET /v1/apps/:app/domains`: a host that leads to the app. */
export interface DomainAnswer {
  readonly host: string;
  /** `<app>.<domain>`, which every app has that says nothing of routes. */
  readonly isOwn: boolean;
  /** What has to be in the DNS for it. Absent: nothing, it is below the cluster's domain or never leaves the machine. */
  readonly record?: {readonly type: 'CNAME' | 'ALIAS' | 'A'; readonly target: string};
}

export interface DomainWritten extends Written {
  readonly domain: DomainAnswer;
}
