import type {RegistryAnswer} from '../../reconciler/api/answers.ts';

/** The cluster's registry, what of ours is there, and what it did not do. */
export function formatRegistry({host, path, username}: NonNullable<RegistryAnswer['registry']>, state: RegistryAnswer['state']): readonly string[] {
  const name = `${host}${path === undefined ? '' : `/${path}`}${username === undefined ? '' : `  as ${username}`}`;
  if (state === undefined) return [name];
  const {images, apps, troubles} = state;
  return [
    name,
    `  ${counted(images, 'image')} of ${counted(apps, 'app')}`,
    ...troubles.map(({kind, app, image, problem, tries, againAt}) => `  ${image.slice(7, 19)} of ⬢ ${app} is still to be ${kind === 'push' ? 'pushed' : 'removed'}: ${problem} (tried ${tries === 1 ? 'once' : `${tries} times`}, again at ${againAt.slice(0, 16).replace('T', ' ')})`),
  ];
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
