/**
 * `AbortSignal.any` that misses nothing. Node's own (24.18 to 26.5) begins to follow the signals that it is made of when somebody first listens to it, and holds
 * them weakly: of one that is only asked, or asked late, a deadline that has passed or a client that has gone can be lost to the garbage collector
 * (nodejs/node#62367), and what waits for it waits for ever.
 */
export function anySignal(signals: readonly AbortSignal[]): AbortSignal {
  const any = AbortSignal.any([...signals]);
  // Once is enough: it follows from then on. A listener that stayed would keep it as long as the signals.
  any.addEventListener('abort', ignore);
  any.removeEventListener('abort', ignore);
  return any;
}

function ignore(): void {}
