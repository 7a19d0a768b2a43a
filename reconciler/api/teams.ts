import type {FastifyInstance} from 'fastify';
import {loadManifest} from '../../schemas/load.ts';
import {NAME_PATTERN} from '../../schemas/names.ts';
import {anySignal} from '../any-signal.ts';
import {addTeam, changeMembers, changeRoles, removeTeam, type RoleChanges, type TeamWish} from '../commits/team-edits.ts';
import type {TeamAnswer, Written} from './answers.ts';
import type {RouteParts} from './node-routes.ts';
import {ApiError, explaining} from './problem.ts';

/** The remote repository may be slow. */
const READ_MS_MAX = 60_000;
const NAME = new RegExp(NAME_PATTERN);
const FILE = /^teams\/([^/]+)\.yaml$/;

type TeamParams = {readonly Params: {readonly team: string}; readonly Body: unknown};
type UserParams = {readonly Params: {readonly user: string}; readonly Body: unknown};

/** Teams, and the roles of teams and people. What comes in has been compared with the document: see `openapi/people-operations.ts`. */
export function registerTeamRoutes(v1: FastifyInstance, {view, commit, closing}: RouteParts): void {
  v1.get('/teams', teams);

  v1.get<TeamParams>('/teams/:team', async ({params: {team}}): Promise<TeamAnswer> => {
    const found = (await teams()).find(({name}) => name === team);
    if (found === undefined) throw new ApiError(404, `there is no team ${JSON.stringify(team)}`);
    return found;
  });

  v1.post('/teams', async (request): Promise<Written> => {
    const {team, members = [], ...roles} = request.body as Partial<TeamWish> & {readonly team: string};
    return commit(request, {edit: addTeam(team, {members, ...roles}), message: `teams: add ${team}`});
  });

  v1.post<TeamParams>('/teams/:team/remove', async (request): Promise<Written> => {
    const team = readName(request.params.team);
    return commit(request, {edit: removeTeam(team), message: `teams: remove ${team}`});
  });

  v1.post<TeamParams>('/teams/:team/members', async (request): Promise<Written> => {
    const team = readName(request.params.team);
    const {add = [], remove = []} = request.body as {readonly add?: readonly string[]; readonly remove?: readonly string[]};
    const words = [...add.map((name) => `add ${name}`), ...remove.map((name) => `remove ${name}`)];
    if (words.length === 0) throw new ApiError(400, 'add or remove has to name somebody');
    return commit(request, {edit: changeMembers(team, {add, remove}), message: `teams: ${team}: ${words.join(', ')}`});
  });

  v1.post<TeamParams>('/teams/:team/roles', async (request): Promise<Written> => {
    const team = readName(request.params.team);
    const changes = request.body as RoleChanges;
    return commit(request, {edit: changeRoles({kind: 'Team', name: team}, changes), message: `teams: ${team}: ${inWords(changes)}`});
  });

  v1.post<UserParams>('/people/:user/roles', async (request): Promise<Written> => {
    const user = readName(request.params.user);
    const changes = request.body as RoleChanges;
    return commit(request, {edit: changeRoles({kind: 'Person', name: user}, changes), message: `people: ${user}: ${inWords(changes)}`});
  });

  /** Sorted by name, without those whose files are wrong: they count for nothing. */
  async function teams(): Promise<readonly TeamAnswer[]> {
    const signal = anySignal([closing, AbortSignal.timeout(READ_MS_MAX)]);
    const snapshot = await explaining("can't read the cluster repository", view.repo.snapshot(signal));
    const files = await explaining("can't read the cluster repository", snapshot.shared.files(signal));
    return files.flatMap((file): TeamAnswer[] => {
      const name = FILE.exec(file.path)?.[1];
      const loaded = name === undefined || file.kind !== 'text' ? undefined : loadManifest('Team', file.path, file.text);
      if (name === undefined || loaded?.ok !== true) return [];
      const {members, role, apps = {}} = loaded.value;
      return [{name, members, ...(role !== undefined && {role}), apps}];
    }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }
}

function readName(value: unknown): string {
  if (typeof value !== 'string' || !NAME.test(value)) throw new ApiError(400, `${JSON.stringify(value)} is no name: it must be small letters, digits and inner dashes, at most 30 characters`);
  return value;
}

/** `role viewer, shop=deployer, blog=none` */
function inWords({role, apps = {}}: RoleChanges): string {
  return [...(role === undefined ? [] : [`role ${role ?? 'none'}`]), ...Object.entries(apps).map(([app, of]) => `${app}=${of ?? 'none'}`)].join(', ');
}
