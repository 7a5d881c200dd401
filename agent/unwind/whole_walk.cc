#include "agent/unwind/whole_walk.h"

#include <dlfcn.h>
#include <libunwind.h>

#include "agent/modules.h"
#include "agent/unwind/eh_frame.h"

namespace perfagent::whole_walk {

namespace {

// What find_proc_info hands to libunwind's DWARF interpreter (dwarf_cie_info_t of libunwind 1.3 to 1.8; not in its
// public headers, so Start tries it out before anything relies on it).
struct CieInfo {
  unw_word_t cie_instr_start, cie_instr_end;
  unw_word_t fde_instr_start, fde_instr_end;
  unw_word_t code_align, data_align;
  unw_word_t ret_addr_column;
  unw_word_t handler;
  uint16_t abi;
  uint16_t tag;
  uint8_t fde_encoding;
  uint8_t lsda_encoding;
  unsigned int sized_augmentation : 1;
  unsigned int have_abi_marker : 1;
  unsigned int signal_frame : 1;
};

struct Context {
  const Registers* registers;
  StackBounds* bounds;
  eh_frame::Function function;
  CieInfo cie;
  bool no_information;
};

struct Library {
  decltype(&unw_create_addr_space) create_addr_space;
  decltype(&unw_set_caching_policy) set_caching_policy;
  decltype(&unw_init_remote) init_remote;
  decltype(&unw_step) step;
  decltype(&unw_get_reg) get_reg;
};

Library library;
unw_addr_space_t address_space;
uintptr_t unwinder_start, unwinder_end;

int FindProcInfo(unw_addr_space_t, unw_word_t pc, unw_proc_info_t* info, int, void* argument) {
  auto* context = static_cast<Context*>(argument);
  if (!eh_frame::Find(pc, &context->function)) {
    context->no_information = true;
    return -UNW_ENOINFO;
  }
  const eh_frame::Function& f = context->function;
  context->cie = CieInfo{};
  context->cie.cie_instr_start = f.cie_program;
  context->cie.cie_instr_end = f.cie_program_end;
  context->cie.fde_instr_start = f.fde_program;
  context->cie.fde_instr_end = f.fde_program_end;
  context->cie.code_align = f.code_align;
  context->cie.data_align = static_cast<unw_word_t>(f.data_align);
  context->cie.ret_addr_column = f.return_column;
  context->cie.fde_encoding = f.pointer_encoding;
  context->cie.signal_frame = f.signal_frame;
  *info = unw_proc_info_t{};
  info->start_ip = f.start;
  info->end_ip = f.end;
  // Of the two table formats, the one whose information libunwind does not return to a pool of its own.
  info->format = UNW_INFO_FORMAT_REMOTE_TABLE;
  info->unwind_info_size = sizeof context->cie;
  info->unwind_info = &context->cie;
  return 0;
}

void PutUnwindInfo(unw_addr_space_t, unw_proc_info_t*, void*) {}

int NoDynamicInfo(unw_addr_space_t, unw_word_t*, void*) { return -UNW_ENOINFO; }

// Does the word at `address` touch [begin, end)? libunwind reads bytes as parts of aligned words.
bool Touches(uint64_t address, uint64_t begin, uint64_t end) {
  return address + sizeof(unw_word_t) > begin && address < end;
}

int AccessMemory(unw_addr_space_t, unw_word_t address, unw_word_t* value, int write,
                 void* argument) {
  auto* context = static_cast<Context*>(argument);
  const eh_frame::Function& f = context->function;
  if (write != 0) return -UNW_EINVAL;
  // The unwind programs that find_proc_info found are mapped; all else must be stack.
  if (!Touches(address, f.fde_program, f.fde_program_end) &&
      !Touches(address, f.cie_program, f.cie_program_end) &&
      !context->bounds->Allows(address & ~uintptr_t{7})) {
    return -UNW_EINVAL;
  }
  *value = *reinterpret_cast<const unw_word_t*>(address);
  return 0;
}

int AccessRegister(unw_addr_space_t, unw_regnum_t number, unw_word_t* value, int write,
                   void* argument) {
  const Registers& r = *static_cast<Context*>(argument)->registers;
  if (write != 0) return -UNW_EREADONLYREG;
  switch (number) {
    case UNW_X86_64_RIP:
      *value = r.rip;
      return 0;
    case UNW_X86_64_RSP:
      *value = r.rsp;
      return 0;
    case UNW_X86_64_RBP:
      *value = r.rbp;
      return 0;
    case UNW_X86_64_RBX:
      *value = r.rbx;
      return 0;
    case UNW_X86_64_R12:
      *value = r.r12;
      return 0;
    case UNW_X86_64_R13:
      *value = r.r13;
      return 0;
    case UNW_X86_64_R14:
      *value = r.r14;
      return 0;
    case UNW_X86_64_R15:
      *value = r.r15;
      return 0;
    default:
      // A caller-saved register: its value at the call is not known, and no walk may depend on it.
      return -UNW_EBADREG;
  }
}

int AccessFloat(unw_addr_space_t, unw_regnum_t, unw_fpreg_t*, int, void*) { return -UNW_EBADREG; }
int Resume(unw_addr_space_t, unw_cursor_t*, void*) { return -UNW_EINVAL; }
int ProcName(unw_addr_space_t, unw_word_t, char*, size_t, unw_word_t*, void*) {
  return -UNW_ENOINFO;
}

template <typename Function>
bool Bind(void* handle, const char* name, Function* out) {
  *out = reinterpret_cast<Function>(dlsym(handle, name));
  return *out != nullptr;
}

#define PERFAGENT_STRING2(x) #x
#define PERFAGENT_STRING(x) PERFAGENT_STRING2(x)

bool BindLibrary(void* handle) {
  // libunwind's headers rename each function by a macro; the strings follow it.
  return Bind(handle, PERFAGENT_STRING(unw_create_addr_space), &library.create_addr_space) &&
         Bind(handle, PERFAGENT_STRING(unw_set_caching_policy), &library.set_caching_policy) &&
         Bind(handle, PERFAGENT_STRING(unw_init_remote), &library.init_remote) &&
         Bind(handle, PERFAGENT_STRING(unw_step), &library.step) &&
         Bind(handle, PERFAGENT_STRING(unw_get_reg), &library.get_reg);
}

// Does a walk from here pass through `return_address`?
bool TrialWalkFinds(uint64_t return_address) {
  StackBounds bounds;
  uint64_t pcs[64];
  const Registers registers = Capture();
  const Walk walk = Run(registers, &bounds, pcs, 64);
  for (size_t i = 0; i < walk.count; ++i) {
    if (pcs[i] == return_address) return true;
  }
  return false;
}

}  // namespace

bool Start(uint64_t return_address) {
  void* handle = dlopen("libunwind-x86_64.so.8", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    dlerror();
    return false;
  }
  static unw_accessors_t accessors = {FindProcInfo,   PutUnwindInfo, NoDynamicInfo, AccessMemory,
                                      AccessRegister, AccessFloat,   Resume,        ProcName};
  if (!BindLibrary(handle)) return false;
  dl_find_object found;
  if (_dl_find_object(reinterpret_cast<void*>(library.step), &found) != 0) return false;
  unwinder_start = reinterpret_cast<uintptr_t>(found.dlfo_map_start);
  unwinder_end = reinterpret_cast<uintptr_t>(found.dlfo_map_end);
  address_space = library.create_addr_space(&accessors, 0);
  if (address_space == nullptr) return false;
  library.set_caching_policy(address_space, UNW_CACHE_NONE);
  return TrialWalkFinds(return_address);
}

bool IsUnwinder(uintptr_t address) {
  return address - unwinder_start < unwinder_end - unwinder_start;
}

Walk Run(const Registers& registers, StackBounds* bounds, uint64_t* pcs, size_t most) {
  Context context = {};
  context.registers = &registers;
  context.bounds = bounds;
  bounds->Enter(registers.rsp);
  Walk walk = {0, true};
  unw_cursor_t cursor;
  if (library.init_remote(&cursor, address_space, &context) < 0) return walk;
  bool interrupted = false;  // the frame below was a signal's
  while (true) {
    unw_word_t pc = 0;
    if (library.get_reg(&cursor, UNW_REG_IP, &pc) < 0) return walk;
    if (pc == 0) break;
    if (walk.count != 0 || !modules::IsAgent(pc)) {
      if (walk.count == most) return walk;
      pcs[walk.count++] = pc + (interrupted ? 1 : 0);
    }
    const int step = library.step(&cursor);
    // Past a missing entry libunwind guesses by rbp; a guess is not a frame.
    if (step < 0 || context.no_information) return walk;
    if (step == 0) break;
    interrupted = context.function.signal_frame;
  }
  walk.truncated = false;
  return walk;
}

}  // namespace perfagent::whole_walk
