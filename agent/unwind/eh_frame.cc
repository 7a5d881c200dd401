#include "agent/unwind/eh_frame.h"

#include <dlfcn.h>

#include "agent/unwind/dwarf_reader.h"

namespace perfagent::eh_frame {

namespace {

using dwarf::kAbsolute;
using dwarf::kDataRelative;
using dwarf::kFormatMask;
using dwarf::kOmit;
using dwarf::kSdata4;
using dwarf::Reader;

// One row of .eh_frame_hdr's sorted table, relative to the header.
struct Row {
  int32_t code;
  int32_t fde;
};

// The address of the FDE whose row is the last at or below pc; 0 when there is none.
uint64_t SearchTable(uint64_t header, uint64_t pc, uint64_t end) {
  Reader reader(header, end);
  const uint8_t version = reader.Get<uint8_t>();
  const uint8_t frame_encoding = reader.Get<uint8_t>();
  const uint8_t count_encoding = reader.Get<uint8_t>();
  const uint8_t table_encoding = reader.Get<uint8_t>();
  if (!reader.ok() || version != 1 || frame_encoding == kOmit || count_encoding == kOmit ||
      table_encoding != (kDataRelative | kSdata4)) {
    return 0;
  }
  reader.Pointer(frame_encoding, header);
  const uint64_t count = reader.Pointer(count_encoding, header);
  if (!reader.ok() || count == 0 || count > (end - reader.at()) / sizeof(Row)) return 0;
  const auto* rows = reinterpret_cast<const Row*>(reader.at());
  const auto target = static_cast<int64_t>(pc - header);
  if (target < rows[0].code) return 0;
  uint64_t low = 0, high = count;  // rows[low].code <= target < rows[high].code
  while (high - low > 1) {
    const uint64_t middle = low + (high - low) / 2;
    (rows[middle].code <= target ? low : high) = middle;
  }
  return header + static_cast<uint64_t>(static_cast<int64_t>(rows[low].fde));
}

// Length-prefixed entry at `address`: where its content begins and ends.
bool OpenEntry(uint64_t address, uint64_t limit, uint64_t* content, uint64_t* content_end) {
  Reader reader(address, limit);
  uint64_t length = reader.Get<uint32_t>();
  if (length == 0xffffffff) length = reader.Get<uint64_t>();
  if (!reader.ok() || length == 0 || length > limit - reader.at()) return false;
  *content = reader.at();
  *content_end = reader.at() + length;
  return true;
}

bool ReadCie(uint64_t address, uint64_t limit, bool* has_augmentation, Function* out) {
  uint64_t content, end;
  if (!OpenEntry(address, limit, &content, &end)) return false;
  Reader reader(content, end);
  if (reader.Get<uint32_t>() != 0) return false;  // not a CIE
  const uint8_t version = reader.Get<uint8_t>();
  if (version != 1 && version != 3) return false;
  const char* augmentation = reinterpret_cast<const char*>(reader.at());
  while (reader.Get<uint8_t>() != 0) {
  }
  out->code_align = reader.Uleb();
  out->data_align = reader.Sleb();
  out->return_column = version == 1 ? reader.Get<uint8_t>() : reader.Uleb();
  out->pointer_encoding = kAbsolute;
  out->signal_frame = false;
  *has_augmentation = augmentation[0] == 'z';
  if (*has_augmentation) {
    const uint64_t size = reader.Uleb();
    const uint64_t program = reader.at() + size;
    for (const char* letter = augmentation + 1; reader.ok() && *letter != 0; ++letter) {
      if (*letter == 'R') {
        out->pointer_encoding = reader.Get<uint8_t>();
      } else if (*letter == 'P') {
        const uint8_t encoding = reader.Get<uint8_t>();
        reader.Pointer(encoding & kFormatMask,
                       0);  // the personality routine: its place is all that matters
      } else if (*letter == 'L') {
        reader.Skip(1);
      } else if (*letter == 'S') {
        out->signal_frame = true;
      } else {
        break;  // unknown letters: their data is skipped by the augmentation's size
      }
    }
    out->cie_program = program;
  } else if (augmentation[0] == 0) {
    out->cie_program = reader.at();
  } else {
    return false;
  }
  out->cie_program_end = end;
  return reader.ok() && out->cie_program <= end;
}

bool ReadFde(uint64_t address, uint64_t start, uint64_t limit, Function* out) {
  uint64_t content, end;
  if (!OpenEntry(address, limit, &content, &end)) return false;
  Reader reader(content, end);
  const uint64_t cie = content - reader.Get<uint32_t>();
  bool has_augmentation = false;
  if (cie < start || cie >= limit || !ReadCie(cie, limit, &has_augmentation, out)) return false;
  out->start = reader.Pointer(out->pointer_encoding, 0);
  out->end = out->start + reader.Pointer(out->pointer_encoding & kFormatMask, 0);
  if (has_augmentation) reader.Skip(reader.Uleb());
  out->fde_program = reader.at();
  out->fde_program_end = end;
  return reader.ok();
}

}  // namespace

bool Find(uint64_t pc, Function* out) {
  dl_find_object object;
  if (_dl_find_object(reinterpret_cast<void*>(pc), &object) != 0 ||
      object.dlfo_eh_frame == nullptr) {
    return false;
  }
  out->object_start = reinterpret_cast<uint64_t>(object.dlfo_map_start);
  out->object_end = reinterpret_cast<uint64_t>(object.dlfo_map_end);
  const uint64_t fde =
      SearchTable(reinterpret_cast<uint64_t>(object.dlfo_eh_frame), pc, out->object_end);
  if (fde < out->object_start || fde >= out->object_end) return false;
  if (!ReadFde(fde, out->object_start, out->object_end, out)) return false;
  return pc >= out->start && pc < out->end;
}

}  // namespace perfagent::eh_frame
