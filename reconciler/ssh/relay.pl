# Run by sshd for whoever has proved a key: passes bytes on between the client and the reconciler, which decides.
# Both sides' bytes go over one socket in frames (frames.ts): a type, the length, the bytes.
use strict;
use warnings;
use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use Socket qw(AF_UNIX SOCK_STREAM pack_sockaddr_un);

use constant PIECE_BYTES => 64 * 1024;
use constant WAITING_BYTES_MAX => 256 * 1024;
# How often it looks whether its sshd is still there, seconds: a client that is gone closes nothing that we could see.
use constant LOOK_SECONDS => 0.5;

# Who writes to an end that is gone is told by the call.
$SIG{PIPE} = 'IGNORE';
my ($socket_path, $fingerprint) = @ARGV;
my $sshd = getppid();

socket(my $node, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!\n";
connect($node, pack_sockaddr_un($socket_path)) or leave('Flynn is not running on this machine. Start it with: flynn up');

my %waiting = (node => '', out => '', err => '');
my %end = (node => $node, out => \*STDOUT, err => \*STDERR);
fcntl($_, F_SETFL, fcntl($_, F_GETFL, 0) | O_NONBLOCK) for values %end;

my ($client) = split / /, $ENV{SSH_CONNECTION} // '';
add('hello', join("\0", $fingerprint, $ENV{SSH_ORIGINAL_COMMAND} // '', $ENV{GIT_PROTOCOL} // '', $client // ''));

my ($received, $is_reading, $status) = ('', 1);
until (defined $status && $waiting{out} eq '' && $waiting{err} eq '') {
    my ($readable, $writable) = ('', '');
    vec($readable, fileno(STDIN), 1) = 1 if $is_reading && !defined $status && length $waiting{node} < WAITING_BYTES_MAX;
    vec($readable, fileno($node), 1) = 1 if !defined $status && length($waiting{out}) < WAITING_BYTES_MAX;
    for my $name (keys %waiting) {
        vec($writable, fileno($end{$name}), 1) = 1 if $waiting{$name} ne '' && !($name eq 'node' && defined $status);
    }
    select($readable, $writable, undef, LOOK_SECONDS);
    exit 1 if getppid() != $sshd;

    for my $name (grep { vec($writable, fileno($end{$_}), 1) } keys %waiting) {
        my $sent = syswrite($end{$name}, $waiting{$name}, PIECE_BYTES);
        if (defined $sent) { substr($waiting{$name}, 0, $sent) = '' }
        elsif (is_passing()) { next }
        # The reconciler may have answered before it had read everything: what it said is still to be read.
        elsif ($name eq 'node') { $waiting{node} = ''; $is_reading = 0 }
        else { exit 1 }
    }
    if (vec($readable, fileno(STDIN), 1)) {
        my $count = sysread(STDIN, my $bytes, PIECE_BYTES);
        if ($count) { add('in', $bytes) }
        elsif (defined $count || !is_passing()) { add('end', ''); $is_reading = 0 }
    }
    if (vec($readable, fileno($node), 1)) {
        my $count = sysread($node, $received, PIECE_BYTES, length $received);
        take() if $count;
        cut_off() if !defined $status && (defined $count ? $count == 0 : !is_passing());
    }
}
exit $status;

sub add {
    my ($type, $bytes) = @_;
    $waiting{node} .= pack('aN', substr($type, 0, 1), length $bytes) . $bytes;
}

sub take {
    while (length $received >= 5) {
        my ($type, $length) = unpack('aN', $received);
        last if length($received) < 5 + $length;
        my $bytes = substr($received, 5, $length);
        substr($received, 0, 5 + $length) = '';
        if ($type eq 'o') { $waiting{out} .= $bytes }
        elsif ($type eq 'e') { $waiting{err} .= $bytes }
        elsif ($type eq 'x') { $status = unpack('C', $bytes) }
    }
}

sub cut_off {
    $waiting{err} .= "Flynn was stopped in the middle of this. See what became of it with: flynn status, then try again.\n";
    $status = 1;
}

sub is_passing { return $! == EAGAIN || $! == EINTR || $! == EWOULDBLOCK }

sub leave {
    print STDERR "$_[0]\n";
    exit 1;
}
