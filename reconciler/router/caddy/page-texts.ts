/** The pages that Caddy answers itself. Small, without anything from outside: the Host header is not repeated. */
export const NO_SUCH_HOST_PAGE = page('No such host', 'No app has a route for this host. Apps and their routes: <code>flynn apps</code>.');
export const NO_SUCH_PATH_PAGE = page('No such path', 'This host has routes, but none for this path.');
export const UNAVAILABLE_PAGE = page('Not available', 'The app behind this host does not answer at the moment. What it does: <code>flynn status</code>, <code>flynn logs</code>.');
export const MAINTENANCE_PAGE = page('Maintenance', 'This app is being worked on, and will be back.');

export const PASSWORD_PAGE = page('Password needed', 'This page is for those with a user name and a password.');
export const FORBIDDEN_PAGE = page('Forbidden', 'This page is not for clients from your network.');
export const TOO_LARGE_PAGE = page('Too large', 'The request is larger than this app takes.');
export const NO_ANSWER_PAGE = page('No answer in time', 'The app behind this host took too long to answer.');

/** Styles stand at their elements: braces are placeholders to Caddy. Colours are the browser's own, light or dark. */
function page(title: string, text: string): string {
  const marked = text.replaceAll('<code>', '<code style="padding:.1em .35em;border-radius:.25em;background:#8882;white-space:nowrap">');
  return `<!doctype html><html lang="en" style="color-scheme:light dark"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title>`
    + '<body style="font:1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:15vh auto 0;padding:0 1.5rem">'
    + `<h1>${title}</h1><p>${marked}</p></body></html>\n`;
}
