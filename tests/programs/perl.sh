# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# perl: hashes, regular expressions, sorting, local sorts, closures, fork, pipes and signals.
packages=perl
commands=perl

Prepare() {
  cat > "$inputs/work.pl" << 'PERL'
use strict;
use warnings;
use Data::Dumper;
use Digest::SHA qw(sha256_hex);
use List::Util qw(sum shuffle);
use POSIX qw(:sys_wait_h);
use Storable qw(dclone);
use Time::HiRes qw(setitimer ITIMER_REAL);

$Data::Dumper::Sortkeys = 1;
my (%words, @rows);
for my $i (1 .. 60000) {
  my $word = "word" . ($i * 7919 % 1009);
  push @{$words{$word}}, {number => $i, text => "$word-$i" x 2};
}
print scalar(keys %words), " ", sha256_hex(Dumper(\%words)), "\n";
my $copy = dclone(\%words);
for my $word (sort keys %$copy) {
  my @long = sort { $b cmp $a } map { $_->{text} =~ s/(\d+)-(\d+)/$2-$1/gr } @{$copy->{$word}};
  push @rows, join(",", @long[0 .. 2]);
}
print "$_\n" for @rows[0 .. 20];
my %counts;
my $text = join " ", @rows;
$counts{$1}++ while $text =~ /(\d)/g;
print join(" ", map { "$_=$counts{$_}" } sort keys %counts), "\n";

for my $n (1 .. 5) {
  pipe(my $reader, my $writer) or die;
  my $pid = fork // die;
  if (!$pid) {
    close $reader;
    print $writer sum(map { length } @rows) * $n;
    close $writer;
    POSIX::_exit($n) if $n % 2;
    exit $n;
  }
  close $writer;
  print "child $n: ", <$reader>;
  waitpid $pid, 0;
  print ", ", $? >> 8, "\n";
}
my $ticks = 0;
local $SIG{ALRM} = sub { ++$ticks };
setitimer(ITIMER_REAL, 0.02, 0.02);
my @strings = map { join ",", map { $_ * 3 } $_ .. $_ + 20 } 1 .. 30000;
$ticks or sleep 1;
setitimer(ITIMER_REAL, 0);
print sha256_hex("@strings"), " ", $ticks > 0 ? "interrupted" : "never interrupted", "\n";
print `echo from a shell; exit 2`, $? >> 8, "\n";
warn "to stderr\n";
$! = 9;  # what die exits with
die "at the end\n";
PERL
}

Work() {
  PERL_HASH_SEED=0 Exits 9 perl "$inputs/work.pl"
}
