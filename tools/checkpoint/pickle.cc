// A stack machine without recursion and without imports: what a pickle would call is only written down.
#include "tools/checkpoint/pickle.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "tools/checkpoint/message.h"
#include "tools/checkpoint/pickle_opcodes.h"

namespace levit::tools {
namespace {

constexpr size_t kMostValues = 5'000'000;
constexpr int kNewestProtocol = 5;

// The stack machine. Every opcode makes at most two values, and recursion is nowhere.
class Machine {
 public:
  explicit Machine(std::string_view bytes) : bytes_(bytes) {
    for (const PickleKind kind : {PickleKind::kNone, PickleKind::kBool, PickleKind::kBool}) make(kind);
    pickle_.values[kTrue].number = 1;
  }

  Pickle run() {
    if (bytes_.empty() || byte() != opcode::kProto) fail("is not one of protocol 2 to 5");
    const int protocol = byte();
    if (protocol < 2 || protocol > kNewestProtocol)
      fail("has protocol " + std::to_string(protocol) + ", not 2 to 5");
    for (uint8_t code = byte(); code != opcode::kStop; code = byte()) step(code);
    pickle_.root = pop();
    pickle_.bytes = at_;
    return std::move(pickle_);
  }

 private:
  using Id = uint32_t;
  using Ids = std::vector<Id>;
  static constexpr Id kNoneId = 0, kFalse = 1, kTrue = 2, kNothing = UINT32_MAX;

  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error("the pickle " + what + " (byte " + std::to_string(at_) + ")");
  }

  [[noreturn]] void unknown(uint8_t code) const {
    char text[8];
    std::snprintf(text, sizeof text, "0x%02x", code);
    fail(std::string("has the opcode ") + text + ", which is unknown or not of protocol 2 to 5");
  }

  void step(uint8_t code) {
    for (const auto group : {&Machine::scalar, &Machine::text, &Machine::container, &Machine::object}) {
      const Id made = (this->*group)(code);
      if (made != kNothing) return stack_.push_back(made);
    }
    if (!extension(code) && !memory(code)) unknown(code);
  }

  // ---- bytes
  std::string_view take(uint64_t count) {
    if (count > bytes_.size() - at_) fail("ends inside an item of " + std::to_string(count) + " bytes");
    const std::string_view taken = bytes_.substr(at_, static_cast<size_t>(count));
    at_ += taken.size();
    return taken;
  }

  uint8_t byte() {
    if (at_ == bytes_.size()) fail("ends without STOP");
    return static_cast<uint8_t>(bytes_[at_++]);
  }

  template <typename T>
  T little() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) fail("ends inside a name");
    const std::string_view taken = take(end - at_);
    ++at_;
    return taken;
  }

  // ---- values and stack
  Id make(PickleKind kind, std::string_view text = {}, Ids items = {}) {
    if (pickle_.values.size() == kMostValues)
      fail("holds more than " + std::to_string(kMostValues) + " values");
    pickle_.values.push_back({kind, 0, 0, text, std::move(items), 0});
    return static_cast<Id>(pickle_.values.size() - 1);
  }

  Id make_int(int64_t number) {
    const Id id = make(PickleKind::kInt);
    pickle_.values[id].number = number;
    return id;
  }

  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  Id top() const {
    if (stack_.size() <= floor()) fail("takes from an empty stack");
    return stack_.back();
  }

  Id pop() {
    const Id id = top();
    stack_.pop_back();
    return id;
  }

  Ids pop_many(size_t count) {
    if (stack_.size() - floor() < count) fail("takes from an empty stack");
    Ids items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }

  Ids pop_to_mark() {
    if (marks_.empty()) fail("has no MARK where one is needed");
    Ids items = pop_many(stack_.size() - floor());
    marks_.pop_back();
    return items;
  }

  // ---- opcodes, by what they do; kNothing or false for those of another group
  Id scalar(uint8_t code) {
    switch (code) {
      case opcode::kNone:
        return kNoneId;
      case opcode::kNewTrue:
        return kTrue;
      case opcode::kNewFalse:
        return kFalse;
      case opcode::kBinInt:
        return make_int(little<int32_t>());
      case opcode::kBinInt1:
        return make_int(byte());
      case opcode::kBinInt2:
        return make_int(little<uint16_t>());
      case opcode::kLong1:
        return make_long(take(byte()));
      case opcode::kLong4:
        return make_long(take(little<uint32_t>()));
      case opcode::kBinFloat:
        return make_float(take(8));
      default:
        return kNothing;
    }
  }

  Id make_long(std::string_view text) {
    const auto redundant = [&] {  // the last byte only repeats the sign
      const int sign = (text[text.size() - 2] & 0x80) == 0 ? 0 : -1;
      return static_cast<int8_t>(text.back()) == sign;
    };
    while (text.size() > sizeof(int64_t) && redundant()) text.remove_suffix(1);
    if (text.size() > sizeof(int64_t)) return make(PickleKind::kBigInt, text);
    uint64_t number = text.empty() || (text.back() & 0x80) == 0 ? 0 : ~uint64_t{0};
    if (!text.empty()) std::memcpy(&number, text.data(), text.size());
    return make_int(static_cast<int64_t>(number));
  }

  Id make_float(std::string_view text) {  // big-endian
    uint64_t bits = 0;
    for (const char c : text) bits = bits << 8 | static_cast<uint8_t>(c);
    const Id id = make(PickleKind::kFloat);
    std::memcpy(&pickle_.values[id].real, &bits, sizeof bits);
    return id;
  }

  Id text(uint8_t code) {
    switch (code) {
      case opcode::kBinString:
      case opcode::kBinUnicode:
        return make(PickleKind::kString, take(little<uint32_t>()));
      case opcode::kShortBinString:
      case opcode::kShortBinUnicode:
        return make(PickleKind::kString, take(byte()));
      case opcode::kBinUnicode8:
        return make(PickleKind::kString, take(little<uint64_t>()));
      case opcode::kBinBytes:
        return make(PickleKind::kBytes, take(little<uint32_t>()));
      case opcode::kShortBinBytes:
        return make(PickleKind::kBytes, take(byte()));
      case opcode::kBinBytes8:
      case opcode::kByteArray8:
        return make(PickleKind::kBytes, take(little<uint64_t>()));
      default:
        return kNothing;
    }
  }

  Id container(uint8_t code) {
    switch (code) {
      case opcode::kEmptyList:
        return make(PickleKind::kList);
      case opcode::kList:
        return make(PickleKind::kList, {}, pop_to_mark());
      case opcode::kEmptyTuple:
        return make(PickleKind::kTuple);
      case opcode::kTuple:
        return make(PickleKind::kTuple, {}, pop_to_mark());
      case opcode::kTuple1:
        return make(PickleKind::kTuple, {}, pop_many(1));
      case opcode::kTuple2:
        return make(PickleKind::kTuple, {}, pop_many(2));
      case opcode::kTuple3:
        return make(PickleKind::kTuple, {}, pop_many(3));
      case opcode::kEmptyDict:
        return make(PickleKind::kDict);
      case opcode::kDict:
        return make(PickleKind::kDict, {}, pairs(pop_to_mark()));
      case opcode::kEmptySet:
        return make(PickleKind::kSet);
      case opcode::kFrozenSet:
        return make(PickleKind::kSet, {}, pop_to_mark());
      default:
        return kNothing;
    }
  }

  Ids pairs(Ids items) const {
    if (items.size() % 2 != 0) fail("has a key without a value");
    return items;
  }

  bool extension(uint8_t code) {
    switch (code) {
      case opcode::kAppend:
        return extend(PickleKind::kList, pop_many(1));
      case opcode::kAppends:
        return extend(PickleKind::kList, pop_to_mark());
      case opcode::kSetItem:
        return extend(PickleKind::kDict, pop_many(2));
      case opcode::kSetItems:
        return extend(PickleKind::kDict, pairs(pop_to_mark()));
      case opcode::kAddItems:
        return extend(PickleKind::kSet, pop_to_mark());
      case opcode::kBuild: {
        const Id state = pop();
        pickle_.values[top()].state = state;
        return true;
      }
      default:
        return false;
    }
  }

  // Adds to the container on top of the stack. Of objects that are not constructed, those that are filled as
  // a dict keep what they are given.
  bool extend(PickleKind kind, const Ids& items) {
    PickleValue& target = pickle_.values[top()];
    if (target.kind == PickleKind::kCall && kind != PickleKind::kDict) return true;
    if (target.kind != kind && target.kind != PickleKind::kCall)
      fail("adds items to " + describe(pickle_, top()));
    if (kind == PickleKind::kList && drop_numbers(items)) return true;
    target.items.insert(target.items.end(), items.begin(), items.end());
    return true;
  }

  // Takes many numbers back out of the values, if nothing but `items` can name them.
  bool drop_numbers(const Ids& items) {
    constexpr size_t kMany = 16;
    if (items.size() < kMany || items.front() <= newest_memo_) return false;
    if (items.front() + items.size() != pickle_.values.size()) return false;
    for (size_t i = 0; i < items.size(); ++i) {
      const PickleKind kind = pickle_.at(items[i]).kind;
      if (items[i] != items.front() + i || (kind != PickleKind::kInt && kind != PickleKind::kFloat))
        return false;
    }
    pickle_.values.resize(items.front());
    return true;
  }

  Id object(uint8_t code) {
    switch (code) {
      case opcode::kGlobal: {
        const Id module = make(PickleKind::kString, line());
        const Id name = make(PickleKind::kString, line());
        return make(PickleKind::kGlobal, {}, {module, name});
      }
      case opcode::kStackGlobal: {
        const Ids names = pop_many(2);
        for (const Id name : names) {
          if (pickle_.at(name).kind != PickleKind::kString)
            fail("names a global by something that is not a string");
        }
        return make(PickleKind::kGlobal, {}, names);
      }
      case opcode::kReduce:
      case opcode::kNewObj:
        return call(pop_many(2));
      case opcode::kNewObjEx:
        pop();  // keyword arguments
        return call(pop_many(2));
      case opcode::kBinPersId:
        return make(PickleKind::kPersistent, {}, pop_many(1));
      default:
        return kNothing;
    }
  }

  Id call(const Ids& parts) {
    if (pickle_.at(parts[1]).kind != PickleKind::kTuple)
      fail("calls something with arguments that are not a tuple");
    if (pickle_.global_name(parts[0]) == "collections.OrderedDict") {
      Ids items;
      if (ordered_items(pickle_.at(parts[1]).items, &items)) return make(PickleKind::kDict, {}, items);
    }
    return make(PickleKind::kCall, {}, parts);
  }

  // What an OrderedDict is called with: nothing, or, by Python 2, one list of [key, value].
  bool ordered_items(const Ids& arguments, Ids* items) const {
    if (arguments.empty()) return true;
    for (const Id pair : pickle_.at(arguments[0]).items) {
      const PickleValue& both = pickle_.at(pair);
      if ((both.kind != PickleKind::kList && both.kind != PickleKind::kTuple) || both.items.size() != 2)
        return false;
      items->insert(items->end(), both.items.begin(), both.items.end());
    }
    return arguments.size() == 1;
  }

  bool memory(uint8_t code) {
    switch (code) {
      case opcode::kMark:
        marks_.push_back(stack_.size());
        return true;
      case opcode::kPop:
        if (!marks_.empty() && stack_.size() == floor()) {
          marks_.pop_back();
        } else {
          pop();
        }
        return true;
      case opcode::kPopMark:
        pop_to_mark();
        return true;
      case opcode::kDup:
        stack_.push_back(top());
        return true;
      case opcode::kBinGet:
        return recall(byte());
      case opcode::kLongBinGet:
        return recall(little<uint32_t>());
      case opcode::kBinPut:
        return remember(byte());
      case opcode::kLongBinPut:
        return remember(little<uint32_t>());
      case opcode::kMemoize:
        return remember(static_cast<uint32_t>(memo_.size()));
      case opcode::kFrame:
        if (little<uint64_t>() > bytes_.size() - at_) fail("has a frame that reaches beyond its end");
        return true;
      default:
        return false;
    }
  }

  bool remember(uint32_t index) {
    if (memo_.size() == kMostValues) fail("remembers more than " + std::to_string(kMostValues) + " values");
    memo_[index] = top();
    newest_memo_ = std::max(newest_memo_, top());
    return true;
  }

  bool recall(uint32_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end())
      fail("recalls memo entry " + std::to_string(index) + ", which was never stored");
    stack_.push_back(found->second);
    return true;
  }

  std::string_view bytes_;
  size_t at_ = 0;
  Pickle pickle_;
  Ids stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, Id> memo_;
  Id newest_memo_ = kTrue;
};

}  // namespace

std::string Pickle::global_name(uint32_t index) const {
  const PickleValue& value = values[index];
  if (value.kind == PickleKind::kCall) {
    const PickleKind callee = at(value.items[0]).kind;
    return callee == PickleKind::kGlobal || callee == PickleKind::kPersistent ? global_name(value.items[0])
                                                                              : "";
  }
  // The stream of torch before 1.6 wraps the class of a module: ('module', class, file, source).
  if (value.kind == PickleKind::kPersistent) {
    const PickleValue& id = at(value.items[0]);
    const bool module = id.kind == PickleKind::kTuple && id.items.size() > 1 &&
                        at(id.items[0]).text == "module" && at(id.items[1]).kind == PickleKind::kGlobal;
    return module ? global_name(id.items[1]) : "";
  }
  if (value.kind != PickleKind::kGlobal) return "";
  return std::string(at(value.items[0]).text) + "." + std::string(at(value.items[1]).text);
}

const PickleValue* Pickle::find(const PickleValue& dict, std::string_view key) const {
  const PickleValue* found = nullptr;
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue& candidate = at(dict.items[i]);
    if (candidate.kind == PickleKind::kString && candidate.text == key) found = &at(dict.items[i + 1]);
  }
  return found;
}

std::string shown_global(const std::string& name) {
  if (name.empty()) return "something that is not a global";
  for (const std::string module : {"posix.", "nt."}) {
    if (starts_with(name, module))
      return in_quotes(name) + " (os." + printable(name.substr(module.size())) + ")";
  }
  return in_quotes(name);
}

std::string describe(const Pickle& pickle, uint32_t index) {
  static constexpr const char* kNames[] = {"None",     "a boolean", "an integer", "an integer", "a number",
                                           "a string", "bytes",     "a list",     "a tuple",    "a set",
                                           "a dict",   "a global",  "an object",  "a storage"};
  const std::string name = pickle.global_name(index);
  const PickleKind kind = pickle.at(index).kind;
  const std::string text = kNames[static_cast<size_t>(kind)];
  if (kind == PickleKind::kCall) return "an object made by calling " + shown_global(name);
  return name.empty() ? text : text + " " + shown_global(name);
}

Pickle read_pickle(std::string_view bytes) {
  return Machine(bytes).run();
}

}  // namespace levit::tools
