import {setFlagsFromString} from 'node:v8';

// ava's own command line, on a steady Node. Node 24.21 died twice in some sixty runs of the fast tests, which are threads of one process, when it threw code
// of WebAssembly away that a better one had taken the place of ("Check failed: jit_page_->allocations_.erase(addr) == 1"). So none is replaced. As flags of
// the command line they would be handed on to the threads, which take none.
for (const flag of ['--no-wasm-tier-up', '--no-wasm-code-gc']) setFlagsFromString(flag);

await import(new URL('../node_modules/ava/entrypoints/cli.js', import.meta.url).href);
