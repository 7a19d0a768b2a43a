/** Where things are while Cloud Native Buildpacks build. The app is where it runs later, as the specification wants it. */
export const APP_FOLDER = '/app';
export const LAYERS_FOLDER = '/layers';
/** Theirs by the specification, and no buildpack's: ids named `config` are refused. */
export const CONFIG_FOLDER = `${LAYERS_FOLDER}/config`;
/** Plans and variables: what is gone with the container. */
export const WORK_FOLDER = '/tmp/cnb';
export const PLATFORM_FOLDER = `${WORK_FOLDER}/platform`;
export const PLANS_FOLDER = `${WORK_FOLDER}/plans`;
/** What the next build of the app finds again: layers, and what buildpacks noted of them. */
export const KEPT_FOLDER = '/tmp/cache/cnb';
