// on_demand.h: what few objects have, and is large: nothing until it is made, and empty to readers.
#pragma once

#include <memory>

namespace perfagent {

template <typename T>
class OnDemand {
 public:
  OnDemand() = default;
  OnDemand(const OnDemand& other) { *this = other; }
  OnDemand(OnDemand&&) noexcept = default;
  OnDemand& operator=(const OnDemand& other) {
    value_ = other.value_ == nullptr ? nullptr : std::make_unique<T>(*other.value_);
    return *this;
  }
  OnDemand& operator=(OnDemand&&) noexcept = default;
  ~OnDemand() = default;

  const T& operator*() const {
    static const T kEmpty;
    return value_ == nullptr ? kEmpty : *value_;
  }
  const T* operator->() const { return &**this; }
  bool IsMade() const { return value_ != nullptr; }
  T& Make() {
    if (value_ == nullptr) value_ = std::make_unique<T>();
    return *value_;
  }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace perfagent
