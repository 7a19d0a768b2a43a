// System tests use real docker, caddy and git on this machine, so one file and one test at a time. Run by test/run.ts.
export default {
  extensions: ['ts'],
  files: ['test/system/**/*.test.ts'],
  concurrency: 1,
  serial: true,
  timeout: '10m',
  workerThreads: false,
};
