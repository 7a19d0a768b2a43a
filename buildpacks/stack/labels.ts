/** Which image of ours it is: `base`, `run`, `build`, `router`. Images that stand on it inherit the label. */
export const LABEL_STACK = 'flynn.stack';
/** `Debian 13`: whose libraries are in it. Apps are put onto a newer image only where that is the same. */
export const LABEL_DEBIAN = 'flynn.debian';
