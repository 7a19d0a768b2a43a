import {readFile, rm, writeFile} from 'node:fs/promises';
import {instanceOf} from '../../reconciler/settings.ts';
import {Failure} from '../command.ts';
import {hasSystemd} from './engine.ts';
import {exec, mustExec} from './exec.ts';

interface UnitOptions {
  readonly data: string;
  readonly launcher: string;
  readonly home: string;
}

export function unitName(data: string): string {
  return `${instanceOf(data)}.service`;
}

/** See systemd.service(5), systemd.kill(5). Containers are the engine's children, not ours: stopping the unit leaves them alone. */
export function unitText({data, launcher, home}: UnitOptions): string {
  return `# Written by \`flynn up --systemd\`; its settings are in ${data}/settings.yaml
[Unit]
Description=Flynn node (${data})
Wants=network-online.target docker.service
After=network-online.target docker.service
StartLimitIntervalSec=0

[Service]
ExecStart=${quoted(launcher)} up --data ${quoted(data)}
Environment=${quoted(`HOME=${home}`)}
Restart=always
RestartSec=1
KillMode=mixed
TimeoutStopSec=30
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`;
}

/** Before anything is written: is there a systemd to install for? */
export async function demandSystemd(): Promise<void> {
  if (await hasSystemd()) return;
  throw new Failure('systemd does not run this machine, so there is nothing to install a service for', {
    advice: ['flynn up --detach runs it in the background', 'flynn up --print-unit prints the unit for another machine'],
  });
}

/** Writes the unit, enables it for the next boot and starts it now. */
export async function installUnit(options: UnitOptions, signal: AbortSignal): Promise<string> {
  const file = unitFile(options.data);
  await writeFile(file, unitText(options), {mode: 0o644});
  await mustExec(['systemctl', 'daemon-reload'], {advice: ['see: systemctl status']}, signal);
  await mustExec(['systemctl', 'enable', unitName(options.data)], {advice: [`see: systemctl status ${unitName(options.data)}`]}, signal);
  await mustExec(['systemctl', 'restart', unitName(options.data)], {advice: [`see: journalctl -u ${unitName(options.data)}`]}, signal);
  return file;
}

/** The last lines of the unit's log when it has failed for good; undefined while systemd keeps it going. */
export async function unitDied(data: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
  const {stdout} = await exec(['systemctl', 'is-failed', unitName(data)], {}, signal);
  if (stdout.trim() !== 'failed') return undefined;
  const log = await exec(['journalctl', '--no-pager', '-o', 'cat', '-n', '20', '-u', unitName(data)], {}, signal);
  return log.stdout.trimEnd().split('\n');
}

/** Stops the unit if there is one, so that `Restart=always` does not undo what `flynn down` does. */
export async function stopUnit(data: string, signal: AbortSignal): Promise<boolean> {
  if (!(await isInstalled(data)) || !(await hasSystemd())) return false;
  await mustExec(['systemctl', 'stop', unitName(data)], {advice: [`see: systemctl status ${unitName(data)}`]}, signal);
  return true;
}

export async function removeUnit(data: string, signal: AbortSignal): Promise<void> {
  if (!(await isInstalled(data))) return;
  if (await hasSystemd()) await mustExec(['systemctl', 'disable', '--now', unitName(data)], {advice: []}, signal);
  await rm(unitFile(data), {force: true});
  if (await hasSystemd()) await mustExec(['systemctl', 'daemon-reload'], {advice: []}, signal);
}

function unitFile(data: string): string {
  return `/etc/systemd/system/${unitName(data)}`;
}

async function isInstalled(data: string): Promise<boolean> {
  return (await readFile(unitFile(data), 'utf8').catch(() => '')).startsWith('# Written by `flynn up');
}

/** systemd.syntax(7): quotes keep spaces together, `%` and `$` mean something unless doubled. */
function quoted(word: string): string {
  return /^[\w/.:=+@-]+$/.test(word) ? word : `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
}
