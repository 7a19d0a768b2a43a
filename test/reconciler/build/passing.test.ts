import test from 'ava';
import {mayPass} from '../../../reconciler/build/passing.ts';

// Lines as these programs print them.
const PASSING = [
  'npm error request to https://registry.npmjs.org/express failed, reason: getaddrinfo EAI_AGAIN registry.npmjs.org',
  'npm error code ECONNREFUSED',
  "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError(...: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')",
  "fatal: unable to access 'https://git.example.com/fonts.git/': Could not resolve host: git.example.com",
  'curl: (7) Failed to connect to example.com port 443 after 3 ms: Could not connect to server',
  'curl: (28) Operation timed out after 30001 milliseconds with 0 bytes received',
  'curl: (22) The requested URL returned error: 503',
  "E: Failed to fetch http://deb.debian.org/debian/pool/main/c/curl/curl_8.deb  Could not connect to deb.debian.org:80 (1.2.3.4), connection timed out",
  "Err:1 http://deb.debian.org/debian trixie InRelease Temporary failure resolving 'deb.debian.org'",
  'go: github.com/gin-gonic/gin@v1.9.1: Get "https://proxy.golang.org/…": dial tcp: lookup proxy.golang.org on 10.0.0.2:53: no such host',
  'warning: spurious network error (3 tries remaining): [6] Could not resolve hostname (Could not resolve host: index.crates.io)',
  'Could not reach host rubygems.org. Check your network connection and try again.',
  'Could not transfer artifact org.slf4j:slf4j-api:pom:2.0.0 from/to central (https://repo.maven.apache.org/maven2): repo.maven.apache.org: Unknown host',
  'curl error 6 while downloading https://repo.packagist.org/packages.json: Could not resolve host: repo.packagist.org',
  'Get "http://127.0.0.1:5000/v2/": dial tcp 127.0.0.1:5000: connect: connection refused',
  'net/http: TLS handshake timeout',
  'received unexpected HTTP status: 502 Bad Gateway',
  'toomanyrequests: You have reached your pull rate limit (429 Too Many Requests)',
  'only 1Gi are free on the disk of /var/lib/docker, and a build needs 2Gi (builds.minFreeDisk in cluster.yaml)',
];

const LASTING = [
  "npm error code E404\nnpm error 404 Not Found - GET https://registry.npmjs.org/no-such-package - Not found",
  "ERROR: Could not find a version that satisfies the requirement djanggo (from versions: none)",
  "server.js:1\nSyntaxError: Unexpected identifier 'is'",
  'error[E0425]: cannot find value `x` in this scope',
  'the build used more than 2Gi of memory',
  'the build took longer than 15 min',
  'build 7 was cancelled by Ada',
  'commit 12345678 is not in the app\'s repository on this node: push it',
  'manifest unknown',
  'unauthorized: authentication required',
  '502 packages were installed, and 1 of them is wrong',
  'failed to compile Node.js app',
];

for (const text of PASSING) test(`may pass: ${text.slice(0, 90)}`, (t) => t.true(mayPass(text)));
for (const text of LASTING) test(`does not pass: ${text.slice(0, 90)}`, (t) => t.false(mayPass(text)));
