import test from 'ava';
import {parseTraffic} from '../../../reconciler/adapters/haproxy.ts';

/** As HAProxy 3.0.11 prints it, without most of the columns after `econ`. */
const STAT = `# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,addr,
p5432,FRONTEND,,,2,3,9970,5,110,220,0,0,0,,,
p5432-0,r1,0,0,2,3,,4,100,200,,0,,0,10.213.0.4:5432,
p5432-0,BACKEND,0,0,2,3,1,5,110,220,0,0,,1,,

`;

test('the counters of a backend are found by the names of their columns', (t) => {
  t.deepEqual(parseTraffic(STAT), new Map([['p5432-0', {connections: 5, open: 2, bytesIn: 110, bytesOut: 220, refused: 1, openByAddress: new Map([['10.213.0.4', 2]])}]]));
});
