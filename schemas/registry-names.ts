import type {RegistryManifest} from './registry.ts';

/** Digits of an image's id, as they are shortened everywhere. */
const TAG_LENGTH = 12;

/** `registry.example.com/team`: what the names of all apps' repositories begin with. */
export function registryPrefix({host, path}: RegistryManifest): string {
  return path === undefined ? host : `${host}/${path}`;
}

/** `registry.example.com/team/shop` */
export function registryRepository(prefix: string, app: string): string {
  return `${prefix}/${app}`;
}

/** Each image has a tag of its own, which never moves: registries drop what has none. */
export function registryTag(image: string): string {
  return image.slice('sha256:'.length, 'sha256:'.length + TAG_LENGTH);
}

/** `registry.example.com/team/shop:7e4a8b4c43d6` */
export function registryName(registry: RegistryManifest, {app, image}: {readonly app: string; readonly image: string}): string {
  return `${registryRepository(registryPrefix(registry), app)}:${registryTag(image)}`;
}
