// batch.h: things that are made by the million, used once and cleared: a vector whose elements are filled where they
// stand, and whose memory is kept for the next ones.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace perfagent {

template <typename T>
class Batch {
 public:
  static_assert(std::is_trivially_copyable_v<T>);

  // What is in the new element is anything: assign all of it.
  T& Add() {
    if (size_ == capacity_) [[unlikely]]
      Grow();
    return elements_[size_++];
  }
  void Clear() { size_ = 0; }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return elements_[i]; }
  const T& operator[](size_t i) const { return elements_[i]; }
  T& back() { return elements_[size_ - 1]; }
  const T& back() const { return elements_[size_ - 1]; }
  std::span<const T> span() const { return {elements_.get(), size_}; }

 private:
  [[gnu::noinline]] void Grow() {
    const size_t capacity = capacity_ == 0 ? 64 : capacity_ * 2;
    auto elements = std::make_unique_for_overwrite<T[]>(capacity);
    std::copy_n(elements_.get(), size_, elements.get());
    elements_ = std::move(elements);
    capacity_ = capacity;
  }

  std::unique_ptr<T[]> elements_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace perfagent
