import test from 'ava';
import {readDpkgStatus} from '../../../reconciler/wiring/stack-desk.ts';

test('what dpkg wrote down is read: what is installed, with its version', (t) => {
  t.deepEqual(readDpkgStatus(`Package: curl
Status: install ok installed
Version: 8.14.1-2+deb13u2
Description: a tool
 Version: of a description

Package: gone
Status: deinstall ok config-files
Version: 1

Package: zlib1g
Status: install ok installed
Version: 1:1.3.dfsg+really1.3.1-1+b1
`), [{name: 'curl', version: '8.14.1-2+deb13u2'}, {name: 'zlib1g', version: '1:1.3.dfsg+really1.3.1-1+b1'}]);
});
