/**
 * What a terminal obeys instead of showing it: control characters (ECMA-48), those of 8 bits too, and what turns the direction of writing around so
 * that a line looks like another one (CVE-2021-42574). Tabs and line breaks are what they are; colours come first, to be looked at as a whole.
 */
const OBEYED = /\u001b\[[\d;]*m|\r(?!\n|$)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const COLOR = /^\u001b\[[\d;]*m$/;
/** Of a colour by its number, or by its red, green and blue. */
const LONG_COLOR = /[34]8;(5;\d+|2;\d+;\d+;\d+)/g;
/** Conceals, or blinks. */
const HIDING = /(^|;)0*[568](;|$)/;
const RESET = '\u001b[0m';

/**
 * Text of others for a terminal: `\u001b]0;…` is shown, not obeyed. Colours stay and end with the text. The notation is JSON's own, so that a document of
 * JSON says the same afterwards.
 */
export function visible(text: string): string {
  if (text.search(OBEYED) === -1) return text;
  let last = RESET;
  const shown = text.replaceAll(OBEYED, (found) => {
    // Only the first character of it is one that is obeyed.
    if (!isColor(found)) return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}${found.slice(1)}`;
    last = found;
    return found;
  });
  return last === RESET || last === '\u001b[m' ? shown : `${shown}${RESET}`;
}

function isColor(found: string): boolean {
  return COLOR.test(found) && !HIDING.test(found.slice(2, -1).replaceAll(LONG_COLOR, ''));
}
