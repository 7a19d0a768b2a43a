/** A problem in a file somebody wrote, told so that an editor can jump to it. Lines and columns count from 1. */
export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** `file:line:column: message`, the form that compilers print and editors know how to jump to. */
export function formatDiagnostic({file, line, column, message}: Diagnostic): string {
  return `${file}:${line}:${column}: ${message}`;
}
