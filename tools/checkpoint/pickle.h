// Python's pickle, protocols 2 to 5, read as data: objects that a pickle would have Python construct stay
// descriptions of the call, so that nothing is imported or executed.
#ifndef LEVIT_TOOLS_CHECKPOINT_PICKLE_H_
#define LEVIT_TOOLS_CHECKPOINT_PICKLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace levit::tools {

enum class PickleKind : uint8_t {
  kNone,
  kBool,        // number
  kInt,         // number
  kBigInt,      // text: the two's complement bytes of an integer beyond 64 bits
  kFloat,       // real
  kString,      // text
  kBytes,       // text
  kList,        // items
  kTuple,       // items
  kSet,         // items
  kDict,        // items: key, value, key, value, ... in the order of insertion
  kGlobal,      // items: module, name; a class or function, by name only
  kCall,        // items: callee, arguments (a tuple), then key, value, ... set on it; an object that is not
                // constructed
  kPersistent,  // items: the persistent id
};

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  int64_t number = 0;
  double real = 0;
  std::string_view text;  // into the pickle
  std::vector<uint32_t> items;
  uint32_t state = 0;  // kCall: what BUILD gives the object, as a rule the dict of its attributes; 0: nothing
};

struct Pickle {
  // A graph: values name each other by index, and a list may contain itself.
  std::vector<PickleValue> values;
  uint32_t root = 0;
  size_t bytes = 0;  // that the pickle took, STOP included

  const PickleValue& at(uint32_t index) const { return values[index]; }

  // "module.name" of a global, or of the global that a call calls; "" for other values.
  std::string global_name(uint32_t index) const;

  // Value of a string key; null if there is none. The last one counts, as in Python.
  const PickleValue* find(const PickleValue& dict, std::string_view key) const;
};

// Reads the pickle that `bytes` begin with. collections.OrderedDict becomes a dict. Numbers that are appended
// to a list many at a time are dropped: a history of losses may be longer than the network, and nothing here
// reads one. Throws std::runtime_error for an opcode that is unknown or of protocol 0 or 1, a stack that is
// empty, a memo entry that does not exist, lengths beyond the end, a missing STOP, and more than 5 million
// values.
Pickle read_pickle(std::string_view bytes);

// A global's name in quotes; of the module that implements os, by that name too.
std::string shown_global(const std::string& name);

// "a list", "a string", "an object of 'module.name'": for messages.
std::string describe(const Pickle& pickle, uint32_t index);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_PICKLE_H_
