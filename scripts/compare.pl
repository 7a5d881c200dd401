#!/usr/bin/perl
# compare.pl: the same program under several allocators, for `perfagent compare`, which has checked
# that it can be run and that an allocator can be preloaded into it.
#
#   warm-up    A B C D                    not counted
#   rounds     A B C D  A B C D  ...      without the agent: wall time, CPU time, peak RSS
#   recorded   A B C D                    with the agent: waits inside the allocator
#
# In turn, so that whatever else the machine does falls on all of them alike.
#
# compare.pl AGENT ANALYZER STATE LINKED ALLOCATORS RUNS KEEP PROGRAM ARGS...
#
# AGENT (empty: nothing is recorded) and ANALYZER are files, STATE is a directory for files of its own,
# LINKED the allocator that the program is linked with, KEEP a directory or empty. Table on stdout.
use strict;
use warnings;

my ($agent, $analyzer, $state, $linked, $allocators, $runs, $keep, @command) = @ARGV;

# By the names that --allocators knows: library, Debian's package of it. None: what the program has.
my %kKnown = (
  glibc    => [],
  jemalloc => ["libjemalloc.so.2", "libjemalloc2"],
  mimalloc => ["libmimalloc.so.2", "libmimalloc2.0"],
  tcmalloc => ["libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"],
);
my @kDirectories = qw(/lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu /usr/local/lib /usr/lib64 /usr/lib);

# What is compared: name, unit, and how many of what was measured are one unit.
my @kMetrics = (["wall time", "s", 1e9], ["CPU time", "s", 1e6], ["peak RSS", "MiB", 1024]);
my @kInWords = ("time", "CPU", "memory");
my $kAlpha = 0.05;      # of a 95 % interval
my $kLeastRatio = 1.01;  # a smaller difference is none: placement in memory alone can make it

sub Say { print STDERR "perfagent: @_\n" }

sub Leave {
  my ($code, @text) = @_;
  Say(join("", @text) =~ s/\s+\z//r);
  exit $code;
}

# ---- allocators ---------------------------------------------------------------------------------

sub FindLibrary {
  my ($name) = @_;
  local $ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";
  if (open(my $cache, "-|", "ldconfig", "-p")) {
    my ($line) = grep { /^\s*\Q$name\E \(libc6,x86-64/ } <$cache>;
    close $cache;
    return $line && $line =~ / => (.*)$/ && -r $1 ? $1 : undef;
  }
  return (grep { -r } map { "$_/$name" } @kDirectories)[0];
}

# Of "glibc,jemalloc,/opt/lib/libmine.so": those that can be used; a library is called by its file's
# name: "mine".
sub FindAllocators {
  my @found;
  for my $word (split /,/, $allocators) {
    my ($label, $library) = ($word, $word);
    if ($word =~ m{/}) {
      $label =~ s{.*/(?:lib)?}{};
      $label =~ s{\.so[.0-9]*$}{};
      if (!-f $library || !-r _) {
        Say("$library: no such file; left out");
        next;
      }
      Leave(2, "$library: LD_PRELOAD cannot name a file with a space or a colon in its path")
        if $library =~ /[\s:]/;
    } else {
      my $known = $kKnown{$word} or Leave(2, "--allocators: '$word' is not known: expected "
          . join(", ", sort keys %kKnown) . ", or the path of a library");
      my ($file, $package) = @$known;
      $library = defined $file ? FindLibrary($file) : "";
      if (!defined $library) {
        Say("$label: $file was not found; left out (Debian has it in package $package)");
        next;
      }
    }
    Leave(2, "--allocators: $label is there twice") if grep { $_->{label} eq $label } @found;
    push @found, {label => $label, library => $library, statuses => [], values => [[], [], []]};
  }
  return @found;
}

# ---- one run ------------------------------------------------------------------------------------

# Starts the program and prints status, wall nanoseconds, CPU microseconds and peak RSS in KiB, the
# last two with those of its children that it waited for. A process of its own, and a small one: what
# the kernel calls a program's peak begins with what was forked, here 3 MiB. INT, TERM and HUP are passed on to the program,
# however early they come: it is begun with all three blocked, and takes them one by one with rt_sigtimedwait.
my $kLauncher = <<'LAUNCHER';
my ($preload, $input, $output, $errors) = splice @ARGV, 0, 4;
sub Now { my $t = "\0" x 16; syscall(228, 1, $t); my ($s, $n) = unpack("q2", $t); $s * 1e9 + $n }
my $signals = pack("Q", 1 << 16 | 0x4003);  # CHLD, TERM, INT, HUP
$SIG{CHLD} = "DEFAULT";
syscall(14, 0, $signals, 0, 8);
my $begin = Now();
my $pid = fork;
defined $pid or die "cannot start a process: $!\n";
if (!$pid) {
  open(STDIN, "<", $input) && open(STDOUT, ">>", $output) && open(STDERR, ">", $errors)
    or syscall(231, 125);
  syscall(14, 1, $signals, 0, 8);
  delete $ENV{PERL_BADLANG};
  $preload eq "" ? delete $ENV{LD_PRELOAD} : ($ENV{LD_PRELOAD} = $preload);
  no warnings "exec";
  exec { $ARGV[0] } @ARGV;
  print STDERR "cannot be run: $!\n";
  syscall(231, 126);
}
my ($status, $usage) = ("\0" x 4, "\0" x 144);
until (syscall(61, $pid, $status, 1, $usage) == $pid) {
  my $signal = syscall(128, $signals, 0, 0, 8);
  kill $signal, $pid if $signal > 0 && $signal != 17;
}
my $wall = Now() - $begin;
my @used = unpack("q5", $usage);
printf "%d %d %d %d\n", unpack("i", $status), $wall, ($used[0] + $used[2]) * 1e6 + $used[1] + $used[3],
  $used[4];
LAUNCHER

sub StatusInWords {
  my ($status) = @_;
  return "killed by signal " . ($status & 127) if $status & 127;
  return "exit " . ($status >> 8);
}

# Where the program's own files of a run go: /dev/null, or below --keep.
sub OutputOf {
  my ($name) = @_;
  return $keep eq "" ? "/dev/null" : "$keep/$name.out";
}

my $launcher = 0;  # of the run that goes on

# INT, TERM and HUP wait: nobody is there yet to whom they could be passed on.
my $held = pack("Q", 0x4003);
sub HoldSignals { syscall(14, 0, $held, 0, 8) }
sub ReleaseSignals { syscall(14, 1, $held, 0, 8) }

# Leaves status, wall, CPU and RSS.
sub RunOnce {
  my ($allocator, $name, @preload) = @_;
  my $output = OutputOf($name);
  my $errors = $keep eq "" ? "$state/err" : "$keep/$name.err";
  unlink $output if $output ne "/dev/null";
  my $preload = join ":", grep { $_ ne "" } @preload, $allocator->{library}, $ENV{LD_PRELOAD} // "";
  HoldSignals();
  $launcher = open(my $pipe, "-|") // Leave(126, "cannot start a process: $!");
  if (!$launcher) {
    exec $^X, "-e", $kLauncher, "--", $preload, Input(), $output, $errors, @command
      or syscall(231, 126);
  }
  ReleaseSignals();
  my @measured = split " ", scalar(<$pipe>) // "";
  close $pipe;
  $launcher = 0;
  Leave(126, "$command[0]: a run could not be measured") if @measured != 4;
  push @{$allocator->{statuses}}, $measured[0];
  if ($measured[0] != 0 && !defined $allocator->{errors} && open(my $file, "<", $errors)) {
    my @lines = <$file>;
    $allocator->{errors} = [@lines > 3 ? @lines[-3 .. -1] : @lines];
  }
  return @measured;
}

# A file on standard input is read anew by each run. Anything else could be read once.
sub Input { return -f STDIN ? "/proc/$$/fd/0" : "/dev/null" }

sub Measure {
  my ($allocator, $round) = @_;
  my (undef, @values) = RunOnce($allocator, "$allocator->{label}.$round");
  push @{$allocator->{values}[$_]}, $values[$_] / $kMetrics[$_][2] for 0 .. $#kMetrics;
}

# ---- the recorded run ---------------------------------------------------------------------------

# A JSON text as perl's data: of the analyzer's own making, hence without a word about mistakes.
sub ParseJson {
  my ($text) = @_;
  my %kEscapes = (n => "\n", t => "\t", r => "\r", b => "\b", f => "\f");
  my $value;
  $value = sub {
    $$text =~ /\G\s*/gc;
    if ($$text =~ /\G\{\s*/gc) {
      my %object;
      until ($$text =~ /\G\s*\}/gc) {
        my $key = $value->();
        $$text =~ /\G\s*:/gc or die "JSON: no value at " . (pos($$text) // 0) . "\n";
        $object{$key} = $value->();
        $$text =~ /\G\s*,/gc;
      }
      return \%object;
    }
    if ($$text =~ /\G\[/gc) {
      my @array;
      until ($$text =~ /\G\s*\]/gc) {
        push @array, $value->();
        $$text =~ /\G\s*,/gc;
      }
      return \@array;
    }
    if ($$text =~ /\G"((?:[^"\\]|\\.)*)"/gc) {
      my $string = $1;
      $string =~ s/\\(?:u([0-9a-fA-F]{4})|(.))/defined $1 ? chr hex $1 : $kEscapes{$2} \/\/ $2/ge;
      return $string;
    }
    return $1 eq "null" ? undef : $1 eq "true" ? 1 : $1 eq "false" ? 0 : $1
      if $$text =~ /\G([-+.\w]+)/gc;
    die "JSON: not understood at " . (pos($$text) // 0) . "\n";
  };
  return $value->();
}

sub ProcessesOf {
  my ($dumps, @options) = @_;
  open(my $pipe, "-|", $analyzer, "report", "--format", "json", @options, $dumps) or return;
  local $/;
  my $text = <$pipe> // "";
  close $pipe;
  my $report = eval { ParseJson(\$text) } or return;
  return @{$report->{processes} // []};
}

# With the agent before the allocator: its hooks see what the program asks of the allocator, and what
# the allocator asks of libpthread.
sub Record {
  my ($allocator) = @_;
  my $dumps = $keep eq "" ? "$state/$allocator->{label}.dumps" : "$keep/$allocator->{label}.dumps";
  mkdir $dumps;
  local $ENV{PERFAGENT_OUTPUT} = "$dumps/perfagent.%e.%p.dump";
  RunOnce($allocator, "$allocator->{label}.recorded", $agent);
  my @processes = ProcessesOf($dumps, "--contention");
  if (@processes) {
    $allocator->{contention} = Contention($allocator, @processes);
    $allocator->{latency} = Latency(ProcessesOf($dumps, "--churn", "-n", 1));
  } else {
    Say("$allocator->{label}: nothing could be recorded: its waits are not known");
  }
  system("rm", "-rf", "--", $dumps) if $keep eq "";
}

# Waits of which the innermost caller is the allocator's code. Locks and futexes: what its threads wait
# for in conditions is work.
sub Contention {
  my ($allocator, @processes) = @_;
  my %sum = (waits => 0, ns => 0, hidden => 0);
  for my $process (@processes) {
    my $module = $process->{allocator} // "";
    Say("$allocator->{label}: $process->{executable} allocates from $module instead")
      if $allocator->{library} ne "" && $module ne $allocator->{library};
    ++$sum{hidden} if $module =~ m{/libc\.so\.6$};
    for my $lock (@{$process->{locks}{objects} // []}) {
      next if !$lock->{is_lock} && $lock->{kind} ne "futex";
      for my $caller (grep { $_->{module} eq $module } @{$lock->{callers}}) {
        $sum{waits} += $caller->{contended}{value};
        $sum{ns} += $caller->{wait_ns}{value};
      }
    }
  }
  return \%sum;
}

# How long calls of the allocator took, of the first process whose dump says so: heap.latency, by call,
# with percentiles as waits have them. Undef where none does.
sub Latency {
  my ($latency) = grep { defined } map { $_->{heap}{latency} } @_;
  return undef if !defined $latency;
  return join "; ", map {
    my $of = $latency->{$_};
    "$_ half up to " . Time(Value($of->{p50_ns})) . ", 99 % up to " . Time(Value($of->{p99_ns}));
  } grep { ref $latency->{$_} && defined $latency->{$_}{p50_ns} } sort keys %$latency;
}

# An estimate's value, an exact number itself.
sub Value { return ref $_[0] ? $_[0]{value} : $_[0] }

# ---- statistics ---------------------------------------------------------------------------------

# Both intervals are exact whatever the distribution of the runs, as long as these are independent. With
# few runs they cannot reach 95 %: what they do reach stands beside them.

sub Sorted { return sort { $a <=> $b } @_ }

sub Median {
  my @sorted = Sorted(@_);
  return ($sorted[$#sorted / 2] + $sorted[@sorted / 2]) / 2;
}

# Of a symmetric distribution, by the weights of 0, 1, ...: the greatest rank, 1 at least, such that fewer
# than `rank` at either end have a probability of at most alpha, and the probability of all else.
sub RankOf {
  my ($weights, $total) = @_;
  my ($rank, $tail) = (1, $weights->[0] / $total);
  while ($rank < @$weights / 2 && 2 * ($tail + $weights->[$rank] / $total) <= $kAlpha) {
    $tail += $weights->[$rank++] / $total;
  }
  return ($rank, 1 - 2 * $tail);
}

# Order statistics around the median (David and Nagaraja, Order Statistics, 7.1): the number of runs
# below the true median is binomial. Leaves low, high and coverage.
sub MedianInterval {
  my @sorted = Sorted(@_);
  my @weights = (1);
  push @weights, $weights[-1] * (@sorted - $_ + 1) / $_ for 1 .. @sorted;
  my ($rank, $coverage) = RankOf(\@weights, 2 ** @sorted);
  return ($sorted[$rank - 1], $sorted[-$rank], $coverage);
}

# In how many orders of `m` and `n` runs exactly u pairs stand the wrong way round (Mann-Whitney's U):
# the coefficients of Gauss's binomial, (1 - q^(n+1))...(1 - q^(n+m)) / ((1 - q)...(1 - q^m)).
sub OrdersByU {
  my ($m, $n) = @_;
  my @ways = (1, (0) x ($m * $n));
  for my $i (1 .. $m) {
    for (my $u = $#ways; $u >= $n + $i; --$u) { $ways[$u] -= $ways[$u - $n - $i] }
    for my $u ($i .. $#ways) { $ways[$u] += $ways[$u - $i] }
  }
  return @ways;
}

# The ratio of two samples: the median of all quotients (Hodges and Lehmann), between the ones that
# Mann-Whitney's test would just not reject (Moses; Hollander and Wolfe, Nonparametric Statistical
# Methods, 4.2 and 4.3, on logarithms). Leaves value, low, high and coverage.
sub Ratio {
  my ($base, $other) = @_;
  my @quotients;
  for my $x (@$base) { push @quotients, map { $x > 0 ? $_ / $x : $_ > 0 ? 9e9 : 1 } @$other }
  @quotients = Sorted(@quotients);
  my @ways = OrdersByU(scalar @$base, scalar @$other);
  my $total = 0;
  $total += $_ for @ways;
  my ($rank, $coverage) = RankOf(\@ways, $total);
  return {value => Median(@quotients), low => $quotients[$rank - 1], high => $quotients[-$rank],
    coverage => $coverage};
}

sub Differs {
  my ($ratio) = @_;
  return $ratio->{coverage} >= 1 - $kAlpha
    && ($ratio->{low} > 1 && $ratio->{value} > $kLeastRatio
    || $ratio->{high} < 1 && $ratio->{value} < 1 / $kLeastRatio);
}

# ---- the table ----------------------------------------------------------------------------------

sub Percent { return sprintf("%.3g %%", 100 * $_[0]) }

# Three digits that count.
sub Number {
  my ($number) = @_;
  my $digits = $number >= 100 ? 0 : $number >= 10 ? 1 : $number >= 1 ? 2 : 3;
  return sprintf("%.${digits}f", $number);
}

sub PrintHeading {
  my ($base, @compared) = @_;
  print "command: ", join(" ", map { s/[[:cntrl:]]/?/gr } @command), "\n";
  if ($runs == 1) {
    print "one run each: no intervals\n";
    return;
  }
  my (undef, undef, $coverage) = MedianInterval(@{$base->{values}[0]});
  printf "medians of %d runs, in brackets %s intervals by order statistics\n", $runs,
    Percent($coverage);
  printf "ratios to %s, in brackets %s intervals by Mann-Whitney's test\n", $base->{label},
    Percent($compared[0]{ratios}[0]{coverage}) if @compared;
}

sub PrintMetric {
  my ($index, @all) = @_;
  my ($name, $unit) = @{$kMetrics[$index]};
  for my $allocator (@all) {
    my @values = @{$allocator->{values}[$index]};
    my ($low, $high) = MedianInterval(@values);
    my $row = sprintf "%-10s  %-16s %9s %-3s  ", $name, $allocator->{label}, Number(Median(@values)),
      $unit;
    $row .= sprintf "%-20s", $runs == 1 ? "" : "(" . Number($low) . " to " . Number($high) . ")";
    my $ratio = $allocator->{ratios} && $allocator->{ratios}[$index];
    $row .= sprintf "  %6.3f", $ratio->{value} if $ratio;
    $row .= sprintf " (%.3f to %.3f)", @$ratio{qw(low high)} if $ratio && $runs > 1;
    print $row =~ s/ +$//r, "\n";
  }
}

sub Time {
  my ($ns) = @_;
  for my $unit (["s", 1e9], ["ms", 1e6], ["us", 1e3]) {
    return Number($ns / $unit->[1]) . " $unit->[0]" if $ns >= $unit->[1];
  }
  return "$ns ns";
}

sub ContentionInWords {
  my ($contention) = @_;
  return "not known" if !$contention;
  return "not visible: libc's malloc waits by instructions of its own" if $contention->{hidden};
  return "$contention->{waits} waits, " . Time($contention->{ns});
}

sub PrintRecorded {
  my (@all) = @_;
  print "\n";
  printf "%-10s  %-16s %s\n", "waits", $_->{label}, ContentionInWords($_->{contention}) for @all;
  for my $allocator (grep { defined $_->{latency} } @all) {
    printf "%-10s  %-16s %s\n", "latency", $allocator->{label}, $allocator->{latency};
  }
}

# ---- the verdict --------------------------------------------------------------------------------

# "12 % (9 to 15 %) less CPU", "2.31 (2.20 to 2.40) times the memory".
sub InWords {
  my ($ratio, $what) = @_;
  my ($value, $low, $high) = @$ratio{qw(value low high)};
  return sprintf("%s (%s to %s) times the %s", map({ Number($_) } $value, $low, $high), $what)
    if $value >= 2;
  my $word = $value > 1 ? "more" : "less";
  my ($from, $to) = $value > 1 ? ($low - 1, $high - 1) : (1 - $high, 1 - $low);
  my @percents = map { sprintf(abs($_) < 0.0995 ? "%.1f" : "%.0f", 100 * $_) } abs($value - 1), $from, $to;
  return sprintf("%s %% (%s to %s %%) %s %s", @percents, $word, $what);
}

sub Verdict {
  my ($base, @others) = @_;
  my (@lines, @alike);
  for my $other (@others) {
    my @different = grep { Differs($other->{ratios}[$_]) } 0 .. $#kMetrics;
    my @texts = map { InWords($other->{ratios}[$_], $kInWords[$_]) } @different;
    push @lines, "$other->{label} beside $base->{label}: " . join(", ", @texts) if @texts;
    push @alike, $other->{label} if !@texts;
  }
  push @lines, join(", ", @alike) . ": cannot be told apart from $base->{label}" if @alike;
  return @lines;
}

sub PrintVerdict {
  my ($base, @others) = @_;
  my $ratio = $others[0]{ratios}[0];
  if ($ratio->{coverage} < 1 - $kAlpha) {
    print "verdict: none: a 95 % interval of a ratio takes 4 runs each (-n 4)\n";
    return;
  }
  print "verdict: $_\n" for Verdict($base, @others);
  my $count = @others * @kMetrics;
  printf "(of %d comparisons %s would seem different by chance; less than 1 %% is no difference)\n", $count,
    Number($count * (1 - $ratio->{coverage}));
}

# ---- failures -----------------------------------------------------------------------------------

# "exit 3 in 2 of 6 runs, exit 0 in 4".
sub EndsInWords {
  my @statuses = @_;
  my %count;
  ++$count{StatusInWords($_)} for @statuses;
  my @words = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
  return $words[0] if @words == 1;
  return join ", ", map { "$_ in $count{$_} of " . @statuses . " runs" } @words;
}

# Says whose runs failed, and leaves those allocators that can be compared: all of whose runs ended as
# the first one's did.
sub Comparable {
  my ($base, @others) = @_;
  my @comparable;
  for my $allocator ($base, @others) {
    my $ends = EndsInWords(@{$allocator->{statuses}});
    next if $ends eq "exit 0" && (push @comparable, $allocator);
    my $last = join "", map { "perfagent:   $_" } @{$allocator->{errors} // []};
    Say("$allocator->{label}: $ends" . ($last eq "" ? "" : "; the last of what it said:"));
    print STDERR $last =~ s/\n?\z/\n/r if $last ne "";
    if ($ends !~ / in \d/ && $ends eq EndsInWords(@{$base->{statuses}})) {
      push @comparable, $allocator;
    } else {
      print "failed: $allocator->{label}: $ends: not compared\n";
    }
  }
  return @comparable;
}

# ---- all of it ----------------------------------------------------------------------------------

sub CleanUp { system("rm", "-rf", "--", $state) if defined $state && $state ne "" }

my $parent = 0;
END { my $code = $?; CleanUp() if $$ == $parent; $? = $code }

sub Main {
  $parent = $$;
  for my $name (qw(INT TERM HUP)) {
    $SIG{$name} = sub {
      if ($launcher) {
        kill $name, $launcher;
        waitpid $launcher, 0;
      }
      CleanUp();
      $SIG{$name} = "DEFAULT";
      kill $name, $$;
    };
  }
  my @all = FindAllocators();
  Leave(126, "none of the allocators is there: nothing can be compared") if !@all;
  if ($keep ne "") {
    mkdir $keep;
    Leave(2, "--keep $keep: no such directory, and it cannot be made") if !-d $keep || !-w _;
  }
  for my $allocator (grep { $_->{library} eq "" && $linked ne "" } @all) {
    Say("$command[0] is linked with $linked: without a preload it has that one, not glibc's malloc");
    $allocator->{label} = "linked";
  }
  SayWhatRuns(scalar @all);
  RunOnce($_, "$_->{label}.warmup") for @all;
  Leave(126, "$command[0]: ", @{$all[0]{errors} // []})
    if !grep { $_->{statuses}[0] != 126 << 8 } @all;
  for my $round (1 .. $runs) { Measure($_, $round) for @all }
  if ($agent ne "") { Record($_) for @all }
  PrintAll(@all);
}

sub SayWhatRuns {
  my ($count) = @_;
  Say("allocators: $count, in turn: once to warm up, then runs: $runs"
      . ($agent eq "" ? "; no agent: none is recorded" : ", then one with the agent"));
  Say("input: " . (-f STDIN ? "the file on standard input, from its beginning in each run" : "none")
      . "; output: " . ($keep eq "" ? "none (--keep DIR keeps it)" : "$keep/ALLOCATOR.RUN.out, .err"));
}

sub PrintAll {
  my ($base, @others) = @_;
  my @comparable = Comparable($base, @others);
  my $is_base_usable = @comparable && $comparable[0] == $base;
  my @compared = $is_base_usable ? @comparable[1 .. $#comparable] : ();
  for my $other (@compared) {
    $other->{ratios} = [map { Ratio($base->{values}[$_], $other->{values}[$_]) } 0 .. $#kMetrics];
  }
  PrintHeading($base, @compared);
  PrintMetric($_, $base, @others) for 0 .. $#kMetrics;
  PrintRecorded($base, @others) if $agent ne "";
  if (@compared) {
    print "\n";
    PrintVerdict($base, @compared);
  } elsif (@others) {
    print "\nverdict: none: ", $is_base_usable ? "no other" : "not even $base->{label}",
      " ended as it should\n";
  }
}

Main() if !caller;
1;
