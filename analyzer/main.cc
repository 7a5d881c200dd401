// main.cc: the analyzer's command line.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <string>

#include "analyzer/commands/check.h"
#include "analyzer/commands/diff.h"
#include "analyzer/commands/events.h"
#include "analyzer/commands/export.h"
#include "analyzer/commands/info.h"
#include "analyzer/commands/inputs.h"
#include "analyzer/commands/report.h"
#include "analyzer/commands/top.h"
#include "analyzer/export/export_format.h"
#include "analyzer/parallel/workers.h"
#include "perfagent/dump_format.h"

namespace perfagent {
namespace {

constexpr const char* kFooter =
    "DIR stands for every dump directly in it. Exit status: 0 fine, 1 check found more\nthan "
    "allowed, 2 usage, 3 partial (some input damaged or missing, the result says which),\n4 "
    "nothing usable, "
    "5 internal error.";

const std::map<std::string, ReportFormat> kFormats = {
    {"text", ReportFormat::kText}, {"json", ReportFormat::kJson}, {"html", ReportFormat::kHtml}};

const std::map<std::string, Grouping> kGroupings = {{"function", Grouping::kFunction},
                                                    {"line", Grouping::kLine},
                                                    {"module", Grouping::kModule},
                                                    {"library", Grouping::kLibrary},
                                                    {"stack", Grouping::kStack}};
const std::map<std::string, TreeOf> kTrees = {{"callers", TreeOf::kCallers},
                                              {"callees", TreeOf::kCallees}};

const std::map<std::string, SiteOrder> kOrders = {{"bytes", SiteOrder::kBytes},
                                                  {"calls", SiteOrder::kCalls},
                                                  {"temporary", SiteOrder::kTemporary},
                                                  {"growth", SiteOrder::kGrowth}};
const std::map<std::string, ColorChoice> kColors = {
    {"auto", ColorChoice::kAuto}, {"always", ColorChoice::kAlways}, {"never", ColorChoice::kNever}};

// What is wrong with the word after -n or --tolerance; empty when nothing is.
std::string CheckLimit(const std::string& word) {
  const bool is_count = word.size() <= 18 && word.find_first_not_of("0123456789") == word.npos &&
                        word.find_first_not_of('0') != word.npos;
  return is_count ? "" : "expected a whole number from 1 on, got " + word;
}

std::string CheckPercent(const std::string& word) {
  double percent = 0;
  const bool is_percent = CLI::detail::lexical_cast(word, percent) && percent >= 0;
  return is_percent ? "" : "expected a number of percent from 0 on, got " + word;
}

std::string CheckInterval(const std::string& word) {
  constexpr double kLeast = 0.1, kMost = 86400;
  double seconds = 0;
  const bool is_interval =
      CLI::detail::lexical_cast(word, seconds) && seconds >= kLeast && seconds <= kMost;
  return is_interval ? "" : "expected seconds from 0.1 to 86400, got " + word;
}

void AddInputs(CLI::App* command, std::vector<std::string>* inputs) {
  command->add_option("DUMP|DIR", *inputs, "Dumps, or directories of dumps")
      ->required()
      ->type_name("");
}

// One value each time it is given: what follows is not the option's, but a dump.
CLI::Option* AddRepeatable(CLI::App* command, const char* name, std::vector<std::string>* values,
                           const char* help) {
  return command->add_option(name, *values, help)->expected(1)->take_all()->allow_extra_args(false);
}

void AddSymbols(CLI::App* command, SymbolizerOptions* symbols) {
  command
      ->add_option("--sysroot", symbols->sysroot,
                   "Directory in which files lie as on the recorded machine; looked at first")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory.description(""));
  command->add_flag("--debuginfod", symbols->debuginfod,
                    "Ask the servers of DEBUGINFOD_URLS for debug information that is not found");
  AddRepeatable(command, "--debug-path", &symbols->debug_paths,
                "Directory with separate debug information, besides /usr/lib/debug; repeatable")
      ->type_name("DIR");
}

void AddOutput(CLI::App* command, std::string* output) {
  command->add_option("-o,--output", *output, "File for the result")->type_name("FILE");
}

void AddColor(CLI::App* command, ColorChoice* color) {
  command
      ->add_option_function<std::string>(
          "--color", [color](const std::string& choice) { *color = kColors.at(choice); },
          "Colours in text: auto is on a terminal, unless NO_COLOR is set (auto)")
      ->check(CLI::IsMember(kColors).description(""))
      ->type_name("auto|always|never");
}

void AddFormat(CLI::App* command, ReportFormat* format) {
  command
      ->add_option_function<std::string>(
          "--format", [format](const std::string& name) { *format = kFormats.at(name); },
          "For people, for programs, or a page for the browser (text)")
      ->check(CLI::IsMember(kFormats).description(""))
      ->type_name("text|json|html");
}

void AddLimit(CLI::App* command, std::optional<uint64_t>* limit) {
  command->add_option("-n", *limit, "Sites or locks in a list (text: 10, json: all)")
      ->type_name("N")
      ->check(CLI::Validator(CheckLimit, ""));
}

void AddThreads(CLI::App* command, size_t* threads) {
  constexpr size_t kMost = 256;
  *threads = Workers::DefaultCount();
  command
      ->add_option("--threads", *threads,
                   "Threads that read and replay a dump (as many as processors, at most 8)")
      ->type_name("N")
      ->check(CLI::Range(size_t{1}, kMost).description(""));
}

template <typename Choice>
void AddChoice(CLI::App* command, const char* name, const std::map<std::string, Choice>& choices,
               std::optional<Choice>* chosen, const char* type, const char* help) {
  command
      ->add_option_function<std::string>(
          name, [&choices, chosen](const std::string& choice) { *chosen = choices.at(choice); },
          help)
      ->check(CLI::IsMember(choices).description(""))
      ->type_name(type)
      ->group("View");
}

void AddShapes(CLI::App* command, ReportOptions* options) {
  AddChoice(command, "--group", kGroupings, &options->group, "function|line|module|library|stack",
            "Sites that have this in common are one");
  AddChoice(command, "--tree", kTrees, &options->tree, "callers|callees",
            "Also the sites' stacks as a tree");
  command->add_option("--source", options->source, "Also this function's lines with their costs")
      ->type_name("FUNCTION")
      ->group("View");
  command
      ->add_flag("--all-frames", options->all_frames,
                 "Text: also the frames of allocators, libc and std:: on top of stacks")
      ->group("View");
  command
      ->add_flag("--shorten-templates", options->shortens_templates,
                 "std::vector<...> instead of all its arguments")
      ->group("View");
}

void AddView(CLI::App* command, ViewOptions* view) {
  const auto add = [command](const char* name, std::string* text, const char* type,
                             const char* help) {
    command->add_option(name, *text, help)->type_name(type)->group("View");
  };
  add("--focus", &view->focus, "REGEX",
      "Only sites and waits whose stack has a frame that matches: its function, file or module");
  add("--ignore", &view->ignore, "REGEX", "Only those whose stack has none");
  add("--hide", &view->hide, "REGEX", "Matching frames are not shown");
  add("--thread", &view->thread, "REGEX|TID", "Only events of threads with such a name or id");
  add("--since", &view->since, "TIME",
      "Only events from then on: 2.5s or 300ms since the start, or mark:TEXT");
  add("--until", &view->until, "TIME", "Only events before then");
}

CLI::App* AddReport(CLI::App* app, ReportOptions* options) {
  CLI::App* command = app->add_subcommand("report", "What churns, what leaks, who waits");
  command->add_flag("--churn", options->churn, "Sites by calls, bytes and temporary allocations");
  command->add_flag("--leaks", options->leaks, "Sites by bytes never freed, and the peak");
  command->add_flag("--contention", options->contention, "Locks by wait time");
  AddFormat(command, &options->format);
  AddLimit(command, &options->limit);
  command
      ->add_option("--memory-limit", options->memory_limit,
                   "What a process may take (4GiB): memory that grows says when it gets there")
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(false).description(""));
  AddOutput(command, &options->output);
  AddColor(command, &options->color);
  AddView(command, &options->view);
  AddShapes(command, options);
  command->add_flag("--merge", options->merges,
                    "All dumps in one profile: of a process tree, or of one service");
  AddSymbols(command, &options->symbols);
  AddThreads(command, &options->threads);
  AddInputs(command, &options->inputs);
  return command;
}

CLI::App* AddDiff(CLI::App* app, DiffOptions* options) {
  CLI::App* command =
      app->add_subcommand("diff", "What changed: diff BASE NEW, or diff BASE... --to NEW...");
  AddFormat(command, &options->format);
  command
      ->add_option(
          "--to", options->now,
          "Dumps of the new side, or directories of dumps: those before are the old side's")
      ->type_name("NEW");
  AddLimit(command, &options->limit);
  AddOutput(command, &options->output);
  AddColor(command, &options->color);
  AddSymbols(command, &options->symbols);
  AddThreads(command, &options->threads);
  AddInputs(command, &options->base);
  return command;
}

CLI::App* AddCheck(CLI::App* app, CheckOptions* options) {
  CLI::App* command =
      app->add_subcommand("check", "A gate: exit status 1 when more is found than is allowed");
  AddRepeatable(command, "--require", &options->requirements,
                "What must hold, as 'leaked_bytes<1MiB', 'temporary<5%', 'wait_ns[name~Cache]<2s'; "
                "repeatable")
      ->type_name("EXPR");
  AddRepeatable(command, "--baseline", &options->baseline,
                "What may not have grown since: a dump, a directory of dumps or a file of "
                "--write-baseline; repeatable")
      ->type_name("DUMP|DIR|FILE");
  command
      ->add_option("--tolerance", options->tolerated_percent,
                   "By how much of the baseline's whole something may grow (0)")
      ->type_name("PERCENT")
      ->check(CLI::Validator(CheckPercent, ""));
  const auto add_file = [&](const char* name, std::string* value, const char* help) {
    command->add_option(name, *value, help)->type_name("FILE");
  };
  add_file("--write-baseline", &options->write_baseline,
           "Write the figures, for a later --baseline");
  add_file("--suppressions", &options->suppressions,
           "Leaks that do not count: lines of leak:REGEX owner=NAME [expires=YYYY-MM-DD]");
  add_file("--junit", &options->junit, "Write the results as JUnit's XML");
  AddColor(command, &options->color);
  AddSymbols(command, &options->symbols);
  AddThreads(command, &options->threads);
  AddInputs(command, &options->inputs);
  return command;
}

CLI::App* AddExport(CLI::App* app, ExportOptions* options) {
  CLI::App* command = app->add_subcommand("export", "For other tools' viewers");
  std::vector<std::string> formats;
  for (const ExportFormat& format : ExportFormats()) formats.push_back(format.name);
  command->add_option("--to", options->format, "The other tool's format")
      ->required()
      ->check(CLI::IsMember(formats).description(""))
      ->type_name(CLI::detail::join(formats, "|"));
  command
      ->add_option(
          "--metric", options->metric,
          "heap, contention, or one of their figures: bytes, wait_ns, alloc_space, delay ...")
      ->type_name("METRIC");
  command->add_option("-n", options->limit, "Longest waits and holds in a trace (20,000 each)")
      ->type_name("N")
      ->check(CLI::Validator(CheckLimit, ""));
  AddOutput(command, &options->output);
  AddView(command, &options->view);
  AddSymbols(command, &options->symbols);
  AddThreads(command, &options->threads);
  AddInputs(command, &options->inputs);
  return command;
}

CLI::App* AddInfo(CLI::App* app, InfoOptions* options) {
  CLI::App* command = app->add_subcommand("info", "What is in a dump: header, threads, records");
  AddColor(command, &options->color);
  AddThreads(command, &options->threads);
  AddInputs(command, &options->inputs);
  return command;
}

CLI::App* AddEvents(CLI::App* app, EventsOptions* options) {
  CLI::App* command = app->add_subcommand("events", "Every record, one line each, in time order");
  command->add_flag("--stacks", options->stacks, "Print the frames of each event's stack");
  command
      ->add_option("--address", options->address,
                   "Only the history of the blocks that contain it, and of a lock there")
      ->type_name("0xADDRESS");
  AddSymbols(command, &options->symbols);
  AddThreads(command, &options->threads);
  AddInputs(command, &options->inputs);
  return command;
}

CLI::App* AddTop(CLI::App* app, TopOptions* options) {
  CLI::App* command =
      app->add_subcommand("top", "A running process, look by look: who allocates, who waits");
  command
      ->add_option("--interval", options->interval_seconds, "Seconds from one look to the next (2)")
      ->type_name("SECONDS")
      ->check(CLI::Validator(CheckInterval, ""));
  command
      ->add_option("-n", options->limit, "Sites and locks in a list (10; on a terminal what fits)")
      ->type_name("N")
      ->check(CLI::Validator(CheckLimit, ""));
  command->add_option("--count", options->count, "Looks, then end (until the process has ended)")
      ->type_name("N")
      ->check(CLI::Validator(CheckLimit, ""));
  command->add_flag("--from-now", options->from_now,
                    "What was recorded before is not read: quicker, but what is live is not known");
  command
      ->add_option_function<std::string>(
          "--sort", [options](const std::string& name) { options->order = kOrders.at(name); },
          "Which sites are the busiest ones (bytes)")
      ->check(CLI::IsMember(kOrders).description(""))
      ->type_name("bytes|calls|temporary|growth");
  AddSymbols(command, &options->symbols);
  command->add_option("DUMP", options->dump, "The dump of a running process")
      ->required()
      ->type_name("");
  return command;
}

ExitCode Run(int argc, char** argv) {
  CLI::App app("Reads perfagent's dumps and says what to fix.", "analyzer");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", "analyzer, dump format " + std::to_string(kVersionMajor) + "." +
                                        std::to_string(kVersionMinor));
  ReportOptions report;
  CheckOptions check;
  DiffOptions diff;
  InfoOptions info;
  EventsOptions events;
  TopOptions top;
  ExportOptions exported;
  const CLI::App* report_command = AddReport(&app, &report);
  const CLI::App* check_command = AddCheck(&app, &check);
  const CLI::App* diff_command = AddDiff(&app, &diff);
  const CLI::App* info_command = AddInfo(&app, &info);
  const CLI::App* top_command = AddTop(&app, &top);
  const CLI::App* export_command = AddExport(&app, &exported);
  AddEvents(&app, &events);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? ExitCode::kFine : ExitCode::kUsage;
  }
  if (report_command->parsed()) return RunReport(report);
  if (check_command->parsed()) return RunCheck(check);
  if (diff_command->parsed()) return RunDiff(diff);
  if (info_command->parsed()) return RunInfo(info);
  if (top_command->parsed()) return RunTop(top);
  if (export_command->parsed()) return RunExport(exported);
  return RunEvents(events);
}

}  // namespace
}  // namespace perfagent

int main(int argc, char** argv) {
  // A reader that goes away (`| head`) is an error of write(2), which Output handles.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return static_cast<int>(perfagent::Run(argc, argv));
  } catch (const std::exception& error) {
    perfagent::PrintError(std::string("internal error: ") + error.what());
    return static_cast<int>(perfagent::ExitCode::kInternal);
  }
}
