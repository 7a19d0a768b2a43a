import {spawn} from 'node:child_process';
import {once} from 'node:events';
import type {CommandContext} from './command.ts';

/** Opens a page for somebody who sits in front of a desktop. False: there is none. */
export async function openInBrowser(url: string, {isTerminal, env}: Pick<CommandContext, 'isTerminal' | 'env'>): Promise<boolean> {
  if (!isTerminal || ((env.DISPLAY ?? '') === '' && (env.WAYLAND_DISPLAY ?? '') === '')) return false;
  const browser = spawn('xdg-open', [url], {detached: true, stdio: 'ignore'});
  try {
    await once(browser, 'spawn');
  } catch {
    return false;
  }
  browser.unref();
  return true;
}
