// main.cc: the analyzer's command line.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <string>

#include "analyzer/commands/events.h"
#include "analyzer/commands/info.h"
#include "analyzer/commands/inputs.h"
#include "analyzer/commands/report.h"
#include "analyzer/parallel/workers.h"
#include "perfagent/dump_format.h"

namespace perfagent {
namespace {

constexpr const char* kFooter =
    "DIR stands for every dump directly in it. Exit status: 0 fine, 2 usage, 3 partial (some "
    "input\ndamaged or missing, the result says which), 4 nothing usable, 5 internal error.";

const std::map<std::string, ReportFormat> kFormats = {
    {"text", ReportFormat::kText}, {"json", ReportFormat::kJson}, {"html", ReportFormat::kHtml}};

const std::map<std::string, Grouping> kGroupings = {{"function", Grouping::kFunction},
                                                    {"line", Grouping::kLine},
                                                    {"module", Grouping::kModule},
                                                    {"library", Grouping::kLibrary},
                                                    {"stack", Grouping::kStack}};
const std::map<std::string, TreeOf> kTrees = {{"callers", TreeOf::kCallers},
                                              {"callees", TreeOf::kCallees}};

// What is wrong with the word after -n; empty when nothing is.
std::string CheckLimit(const std::string& word) {
  const bool is_count = word.size() <= 18 && word.find_first_not_of("0123456789") == word.npos &&
                        word.find_first_not_of('0') != word.npos;
  return is_count ? "" : "expected a whole number from 1 on, got " + word;
}

void AddInputs(CLI::App* command, std::vector<std::string>* inputs) {
  command->add_option("DUMP|DIR", *inputs, "Dumps, or directories of dumps")
      ->required()
      ->type_name("");
}

void AddDebugPaths(CLI::App* command, std::vector<std::string>* paths) {
  command
      ->add_option("--debug-path", *paths,
                   "Directory with separate debug information, besides /usr/lib/debug; repeatable")
      ->type_name("DIR")
      ->expected(1)
      ->take_all();
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
  command
      ->add_option_function<std::string>(
          "--format", [options](const std::string& name) { options->format = kFormats.at(name); },
          "text, json or html")
      ->check(CLI::IsMember(kFormats).description(""))
      ->type_name("FORMAT");
  command->add_option("-n", options->limit, "Sites or locks in a list (text: 10, json: all)")
      ->type_name("N")
      ->check(CLI::Validator(CheckLimit, ""));
  command->add_option("-o,--output", options->output, "File for the result")->type_name("FILE");
  AddView(command, &options->view);
  AddShapes(command, options);
  command->add_flag("--merge", options->merges,
                    "All dumps in one profile: of a process tree, or of one service");
  AddDebugPaths(command, &options->debug_paths);
  AddThreads(command, &options->threads);
  AddInputs(command, &options->inputs);
  return command;
}

CLI::App* AddInfo(CLI::App* app, InfoOptions* options) {
  CLI::App* command = app->add_subcommand("info", "What is in a dump: header, threads, records");
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
  AddDebugPaths(command, &options->debug_paths);
  AddThreads(command, &options->threads);
  AddInputs(command, &options->inputs);
  return command;
}

ExitCode Run(int argc, char** argv) {
  CLI::App app("Reads perfagent's dumps and says what to fix.", "analyzer");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", "analyzer, dump format " + std::to_string(kVersionMajor) + "." +
                                        std::to_string(kVersionMinor));
  ReportOptions report;
  InfoOptions info;
  EventsOptions events;
  const CLI::App* report_command = AddReport(&app, &report);
  const CLI::App* info_command = AddInfo(&app, &info);
  AddEvents(&app, &events);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? ExitCode::kFine : ExitCode::kUsage;
  }
  if (report_command->parsed()) return RunReport(report);
  if (info_command->parsed()) return RunInfo(info);
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
