/** Where HAProxy finds the way to its log open when it starts. */
export const LOG_DESCRIPTOR = 3;

/** Four files of it bridge the time in which no reconciler reads them: some 800,000 connections. */
const FILE_MIB = 16;
const FILES_KEPT = 3;

/**
 * Runs HAProxy with a log that is a file. It can't write one itself: what it is given open, it makes non-blocking, which takes away that it is appended to
 * (3.0.11, `fd_set_nonblock`), so that nobody could empty the file or write to it beside it; and to a pipe of the usual 64 KiB it loses lines when many
 * connections end at once. So it gets a pipe of 1 MiB, and what is at the other end writes the file and rotates it, as Caddy does with its own. Several may have the same file.
 */
export function loggedCommand(file: string, command: readonly string[]): readonly string[] {
  return ['perl', '-e', LOGGER, file, ...command];
}

/** Perl, because Debian has it in every image. The process itself becomes HAProxy, the logger is its child and ends with it. */
const LOGGER = `
use strict; use Fcntl; use POSIX ();
my ($file, @command) = @ARGV;
pipe(my $in, my $out) or die $!;
fcntl($out, 1031, 1 << 20);  # F_SETPIPE_SZ
if (fork // die $!) {
  POSIX::dup2(fileno($out), ${LOG_DESCRIPTOR}) or die $!;
  exec @command or die $!;
}
close $out;
$SIG{$_} = 'IGNORE' for qw(TERM INT HUP USR1 USR2);
umask 077;
my ($log, $read) = (undef, '');
while (sysread($in, $read, 1 << 16, length $read)) {
  my $lines = substr($read, 0, 1 + rindex($read, "\\n"), '') or next;
  my $inode = (stat $file)[1] // 0;
  sysopen($log, $file, O_WRONLY | O_APPEND | O_CREAT) if !$log || (stat $log)[1] != $inode;
  syswrite($log, $lines) if $log;
  next if (-s $log) < ${FILE_MIB} << 20;
  my $name = $file =~ s/\\.log$//r;
  rename($file, "$name-" . time . '.log');
  my @old = sort glob "$name-*.log";
  unlink splice(@old, 0, @old - ${FILES_KEPT}) if @old > ${FILES_KEPT};
}
`;
