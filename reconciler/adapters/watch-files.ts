import {watch, type MatchFunction} from 'chokidar';

/**
 * Calls back after each change at or below the paths, which need not exist yet, until the signal is aborted.
 * Errors of the watching itself (no inotify watches left) are reported, not thrown: who calls has to poll as well.
 */
export function watchFiles({paths, ignored = [], onError}: {paths: readonly string[]; ignored?: readonly MatchFunction[]; onError(error: unknown): void}, onChange: (path: string) => void, signal: AbortSignal): void {
  if (signal.aborted) return;
  const watcher = watch([...paths], {ignoreInitial: true, ignored: [...ignored], followSymlinks: false});
  watcher.on('all', (_event, path) => onChange(path));
  watcher.on('error', onError);
  signal.addEventListener('abort', () => void watcher.close(), {once: true});
}
