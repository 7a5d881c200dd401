#include "analyzer/report/json_findings.h"

#include "absl/strings/str_cat.h"
#include "analyzer/report/json_values.h"

namespace perfagent {
namespace {

void WriteWhere(JsonWriter* json, const Where& where) {
  json->BeginObject();
  if (where.IsLock()) {
    json->Key("lock").String(where.lock);
    json->Key("address");
    if (where.address == 0) {
      json->Null();
    } else {
      json->String(absl::StrCat("0x", absl::Hex(where.address)));
    }
  } else if (!where.allocator.empty()) {
    json->Key("allocator").String(where.allocator);
  } else {
    json->Key("function").String(where.place == nullptr ? "" : where.place->function);
    json->Key("stack");
    WriteStack(json, where.stack);
  }
  json->EndObject();
}

void WriteGains(JsonWriter* json, const Gains& gains) {
  json->BeginObject();
  for (const GainName& name : kGainNames) {
    if (!(gains.*name.amount)) continue;
    json->Key(name.key);
    WriteEstimate(json, *(gains.*name.amount));
  }
  json->EndObject();
}

void WriteSpread(JsonWriter* json, const Spread& spread) {
  json->Key("processes").Integer(spread.processes);
  json->Key("pid").Integer(spread.pid);
  json->Key("dump").String(spread.dump);
}

}  // namespace

void WriteFindings(JsonWriter* json, const Findings& findings) {
  json->BeginArray();
  for (const Finding& finding : findings) {
    json->BeginObject();
    json->Key("kind").String(finding.kind);
    json->Key("title").String(finding.title);
    json->Key("where");
    WriteWhere(json, finding.where);
    json->Key("evidence").BeginArray();
    for (const std::string& evidence : finding.evidence) json->String(evidence);
    json->EndArray();
    json->Key("gain").String(finding.gain);
    json->Key("gains");
    WriteGains(json, finding.gains);
    json->Key("remedy").String(finding.remedy);
    json->Key("confidence").String(Name(finding.confidence));
    if (finding.spread) WriteSpread(json, *finding.spread);
    json->EndObject();
  }
  json->EndArray();
}

}  // namespace perfagent
