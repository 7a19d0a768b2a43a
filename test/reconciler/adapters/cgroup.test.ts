import test from 'ava';
import {limitFiles, upperFolder, type CgroupVersion} from '../../../reconciler/adapters/cgroup.ts';

const written = test.macro((t, version: CgroupVersion, expected: string) => {
  const files = limitFiles(version, {memoryBytes: 2 * 1024 ** 3, cpus: 1.5, processesMax: 1024});
  t.is(files.map(({file, text}) => `${file} ${text}`).join('\n'), expected);
});

test('limits stand in the files of cgroup version 1, memory before memory with swap', written, 1, `memory.limit_in_bytes 2147483648
memory.memsw.limit_in_bytes 2147483648
cpu.cfs_period_us 100000
cpu.cfs_quota_us 150000
pids.max 1024`);

test('limits stand in the files of cgroup version 2', written, 2, `memory.max 2147483648
memory.swap.max 0
cpu.max 150000 100000
pids.max 1024`);

test('the folder that a container writes to is that of its root', (t) => {
  const mounts = `1 0 0:30 / /cache rw - overlay overlay rw,lowerdir=/a,upperdir=/wrong,workdir=/c
2 0 0:31 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=/var/lib/docker/overlay2/x/diff,workdir=/w
3 2 0:32 / /proc rw - proc proc rw`;
  t.is(upperFolder(mounts), '/var/lib/docker/overlay2/x/diff');
  t.is(upperFolder('1 0 8:1 / / rw - ext4 /dev/sda1 rw'), undefined);
});
