#!/usr/bin/perl
# Writes the shells' completions of perfagent and analyzer from what their --help says, so that these cannot differ:
#
#   make.pl PERFAGENT ANALYZER DIRECTORY
#
# leaves DIRECTORY/{bash,zsh,fish}/..., a file for each program, by the names that the shells look for.
use strict;
use warnings;

# A program: its commands in their order, what each does, and its options:
#   {name, about, commands => [{name, about, options => [{names => [...], value, about}]}]}

sub Lines {
  my $pid = open(my $pipe, "-|", @_) // die "make.pl: $_[0]: $!\n";
  my @lines = map { chomp; $_ } <$pipe>;
  close($pipe) or die "make.pl: @_ failed\n";
  return @lines;
}

# "  -o,--output FILE    File for the result", or the text on the next lines.
sub Options {
  my @options;
  for my $line (@_) {
    if ($line =~ /^  (-[\w-]+(?:,\s*-[\w-]+)*)(\[=\w+\])?(?: (\S+)(?: \.\.\.)?)?(?: REQUIRED)?(?:\s{2,}(.*))?$/) {
      my ($names, $optional, $value, $about) = ($1, $2, $3, $4);
      $value //= "";
      my $is_optional = defined($optional) || $value =~ s/^\[(.*)\]$/$1/ ? 1 : 0;
      push @options, {names => [split /,\s*/, $names], about => $about // "", value => $value,
                      optional => $is_optional};
    } elsif (@options && $line =~ /^ {6,}(\S.*)$/) {
      $options[-1]{about} .= ($options[-1]{about} eq "" ? "" : " ") . $1;
    }
  }
  return \@options;
}

sub ReadAnalyzer {
  my ($path) = @_;
  my ($is_list, @commands);
  for my $line (Lines($path, "--help")) {
    $is_list = 1 if $line =~ /^Subcommands:/;
    push @commands, {name => $1, about => $2} if $is_list && $line =~ /^  (\w+) +(\S.*)$/;
  }
  $_->{options} = Options(Lines($path, $_->{name}, "--help")) for @commands;
  return {name => "analyzer", commands => \@commands};
}

sub ReadPerfagent {
  my ($path) = @_;
  my @lines = Lines($path, "--help");
  my (@commands, %about);
  for (@lines) {
    push @commands, {name => $1, options => []} if /^(?:usage:)?\s+perfagent (\w+)/;
    if (/^(\w+(?:, \w+)*): (.*)$/) { $about{$_} = $2 for split /, /, $1 }
  }
  for my $command (@commands) {
    my $is_here = 0;
    my @own;
    for (@lines) {
      $is_here = /\b$command->{name}\b/ if /^Options of /;
      $is_here = 0 if /^\S/ && !/^Options of /;
      push @own, $_ if $is_here;
    }
    $command->{options} = Options(@own);
    $command->{about} = $about{$command->{name}} // "";
  }
  return {name => "perfagent", commands => \@commands};
}

# ---- what a value is ----

sub Words { return $_[0]{value} =~ /\|/ && $_[0]{value} =~ /^[a-z0-9|]+$/ ? split(/\|/, $_[0]{value}) : () }
sub IsFile { return $_[0]{value} =~ /^(?:DUMP|FILE|DIR|NAME)\b/ }
sub IsDirectory { return $_[0]{value} eq "DIR" }
sub TakesValue { return $_[0]{value} ne "" && !$_[0]{optional} }
# Of `perfagent run -- PROGRAM ARGS`.
sub IsOfProgram { return $_[0]{name} =~ /^(?:run|doctor|compare)$/ }
sub IsOfProcess { return $_[0]{name} =~ /^(?:status|pause|resume|interval)$/ }

# ---- bash ----

sub Bash {
  my ($program) = @_;
  my $name = $program->{name};
  my $commands = join " ", map { $_->{name} } @{$program->{commands}};
  my $cases = "";
  for my $command (@{$program->{commands}}) {
    my $options = join " ", map { @{$_->{names}} } @{$command->{options}};
    my $values = "";
    for my $option (grep { TakesValue($_) } @{$command->{options}}) {
      my $pattern = join "|", @{$option->{names}};
      my @words = Words($option);
      my $action = @words ? "COMPREPLY=(\$(compgen -W '@words' -- \"\$word\"))"
        : IsDirectory($option) ? "compopt -o filenames; COMPREPLY=(\$(compgen -d -- \"\$word\"))"
        : IsFile($option) ? "compopt -o filenames; COMPREPLY=(\$(compgen -f -- \"\$word\"))"
        : "COMPREPLY=()";
      $values .= "        $pattern) $action; return ;;\n";
    }
    my $rest = IsOfProcess($command) ? "COMPREPLY=(\$(compgen -W \"\$(cd /proc && echo [0-9]*)\" -- \"\$word\"))"
      : IsOfProgram($command) ? "compopt -o filenames; COMPREPLY=(\$(compgen -c -f -- \"\$word\"))"
      : $options eq "" ? "COMPREPLY=()"
      : "compopt -o filenames; COMPREPLY=(\$(compgen -f -- \"\$word\"))";
    $cases .= "    $command->{name})\n";
    $cases .= "      case \$before in\n$values      esac\n" if $values ne "";
    $cases .= "      if [[ \$word == -* ]]; then\n        COMPREPLY=(\$(compgen -W '$options' -- \"\$word\"))\n" .
      "      else\n        $rest\n      fi\n      ;;\n";
  }
  # Behind -- it is the program's own command line.
  return <<"END";
# Completion of $name in bash, made from $name --help.
_$name() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} i
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=(\$(compgen -W '$commands --help' -- "\$word"))
    return
  fi
  for ((i = 2; i < COMP_CWORD; ++i)); do
    if [[ \${COMP_WORDS[i]} == -- ]]; then
      compopt -o filenames
      if ((i == COMP_CWORD - 1)); then
        COMPREPLY=(\$(compgen -c -- "\$word"))
      else
        COMPREPLY=(\$(compgen -f -- "\$word"))
      fi
      return
    fi
  done
  case \${COMP_WORDS[1]} in
$cases  esac
}
complete -F _$name $name
END
}

# ---- zsh ----

sub ZshText {
  my ($text) = @_;
  $text =~ s/([\[\]:\\])/\\$1/g;
  $text =~ s/\x27/\x27\\\x27\x27/g;
  return $text;
}

sub ZshAction {
  my ($option) = @_;
  my @words = Words($option);
  return "(@words)" if @words;
  return "_files -/" if IsDirectory($option);
  return IsFile($option) ? "_files" : " ";
}

sub Zsh {
  my ($program) = @_;
  my $name = $program->{name};
  my $commands =
    join "\n", map { "    \x27$_->{name}:" . ZshText($_->{about}) . "\x27" } @{$program->{commands}};
  my $cases = "";
  for my $command (@{$program->{commands}}) {
    my $specs = "";
    for my $option (@{$command->{options}}) {
      for my $flag (@{$option->{names}}) {
        my $about = ZshText($option->{about});
        my $takes = TakesValue($option);
        my $value = $takes ? ":" . ZshText($option->{value}) . ":" . ZshAction($option) : "";
        my $equals = !$takes ? "" : $flag =~ /^--/ ? "=" : "+";
        $specs .= " \\\n        \x27*${flag}${equals}[$about]$value\x27";
      }
    }
    $specs .= " \\\n        " . (IsOfProcess($command) ? "\x27*:process:_pids\x27"
      : IsOfProgram($command) ? "\x27(-)1:program:_command_names -e\x27 \x27*::arguments:_normal\x27"
      : "\x27*:dump:_files\x27");
    $cases .= "    $command->{name})\n      _arguments$specs\n      ;;\n";
  }
  return <<"END";
#compdef $name
# Completion of $name in zsh, made from $name --help.
_$name() {
  local -a commands=(
$commands
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=\$words[2]
  shift words
  ((CURRENT--))
  case \$command in
$cases  esac
}
_$name "\$@"
END
}

# ---- fish ----

sub FishText {
  my ($text) = @_;
  $text =~ s/([\\\x27])/\\$1/g;
  return "\x27$text\x27";
}

sub Fish {
  my ($program) = @_;
  my $name = $program->{name};
  my $text = "# Completion of $name in fish, made from $name --help.\n";
  my $commands = join " ", map { $_->{name} } @{$program->{commands}};
  my $first = "-n 'not __fish_seen_subcommand_from $commands'";
  $text .= "complete -c $name $first -f\n";
  for my $command (@{$program->{commands}}) {
    $text .= "complete -c $name $first -a $command->{name} -d " . FishText($command->{about}) . "\n";
    my $here = "-n '__fish_seen_subcommand_from $command->{name}'";
    $text .= "complete -c $name $here -f -a '(__fish_complete_pids)'\n" if IsOfProcess($command);
    $text .= "complete -c $name $here -a '(__fish_complete_subcommand)'\n" if IsOfProgram($command);
    for my $option (@{$command->{options}}) {
      my $flags =
        join " ", map { /^--(.*)/ ? "-l $1" : "-s " . substr($_, 1) } @{$option->{names}};
      my @words = Words($option);
      my $value = !TakesValue($option) ? "" : @words ? " -x -a '@words'"
        : IsDirectory($option) ? " -x -a '(__fish_complete_directories)'"
        : IsFile($option) ? " -r -F" : " -x";
      $text .= "complete -c $name $here $flags$value -d " . FishText($option->{about}) . "\n";
    }
  }
  return $text;
}

# ---- files ----

sub Write {
  my ($path, $text) = @_;
  open(my $file, ">", $path) or die "make.pl: $path: $!\n";
  print $file $text;
  close($file) or die "make.pl: $path: $!\n";
}

my ($perfagent, $analyzer, $directory) = @ARGV;
die "usage: make.pl PERFAGENT ANALYZER DIRECTORY\n" if @ARGV != 3;
mkdir $_ for $directory, map { "$directory/$_" } qw(bash zsh fish);
for my $program (ReadPerfagent($perfagent), ReadAnalyzer($analyzer)) {
  my $name = $program->{name};
  die "make.pl: $name --help names no commands\n" if !@{$program->{commands}};
  Write("$directory/bash/$name", Bash($program));
  Write("$directory/zsh/_$name", Zsh($program));
  Write("$directory/fish/$name.fish", Fish($program));
}
