#include "analyzer/model/stack_names.h"

#include <gtest/gtest.h>

#include "analyzer/model/frame_kinds.h"
#include "analyzer/model/function_names.h"

namespace perfagent {
namespace {

TEST(StackNames, QualifiedNameHasNeitherReturnTypeNorParameters) {
  EXPECT_EQ(QualifiedName("main"), "main");
  EXPECT_EQ(QualifiedName("ns::Parse(char const*, int)"), "ns::Parse");
  EXPECT_EQ(QualifiedName("void std::vector<int, std::allocator<int> >::push_back(int const&)"),
            "std::vector<int, std::allocator<int> >::push_back");
  EXPECT_EQ(QualifiedName("operator new(unsigned long)"), "operator new");
  EXPECT_EQ(QualifiedName("ns::(anonymous namespace)::F(int)"), "ns::(anonymous namespace)::F");
  EXPECT_EQ(QualifiedName("ns::Less::operator()(int, int) const"), "ns::Less::operator()");
  EXPECT_EQ(QualifiedName("bool ns::operator<(ns::A const&, ns::B const&)"), "ns::operator<");
  EXPECT_EQ(QualifiedName("decltype (::new ((void*)(0)) A()) std::construct_at<A>(A*)"),
            "std::construct_at<A>");
  EXPECT_EQ(QualifiedName("decltype (unbalanced"), "");
  EXPECT_EQ(QualifiedName(""), "");
}

TEST(StackNames, AllocatorsAndLockWrappersArePlumbing) {
  EXPECT_TRUE(IsPlumbing("operator new(unsigned long)"));
  EXPECT_TRUE(IsPlumbing("operator new[](unsigned long)"));
  EXPECT_TRUE(IsPlumbing("malloc"));
  EXPECT_TRUE(IsPlumbing("std::__new_allocator<int>::allocate(unsigned long, void const*)"));
  EXPECT_TRUE(IsPlumbing("void std::vector<A, std::allocator<A> >::_M_realloc_insert<A>(A*, A&&)"));
  EXPECT_TRUE(IsPlumbing("std::mutex::lock()"));
  EXPECT_TRUE(IsPlumbing("__gthread_mutex_lock(pthread_mutex_t*)"));
  EXPECT_TRUE(IsPlumbing("decltype (::new ((void*)(0)) A()) std::construct_at<A>(A*)"));
}

// As rustc 1.63 and 1.95 name them.
TEST(StackNames, MethodsOfRustsLibrariesArePlumbing) {
  EXPECT_TRUE(IsPlumbing("<alloc::alloc::Global as core::alloc::Allocator>::allocate"));
  EXPECT_TRUE(IsPlumbing("<alloc::alloc::Global>::alloc_impl_runtime"));
  EXPECT_TRUE(IsPlumbing("<alloc::vec::Vec<app::Entry> as core::clone::Clone>::clone"));
  EXPECT_TRUE(IsPlumbing("<&mut alloc::string::String as core::fmt::Write>::write_str"));
  EXPECT_TRUE(IsPlumbing("<dyn core::ops::function::FnOnce<()> as core::any::Any>::type_id"));
  EXPECT_TRUE(IsPlumbing("<T as core::convert::Into<U>>::into"));
  EXPECT_TRUE(IsPlumbing("<[T] as alloc::slice::hack::ConvertVec>::to_vec"));
  EXPECT_TRUE(IsPlumbing("<[app::Entry]>::into_vec"));
  EXPECT_TRUE(IsPlumbing("<*const app::Entry>::read"));
  EXPECT_TRUE(IsPlumbing("<str>::to_owned"));
  EXPECT_TRUE(IsPlumbing("alloc::str::<impl str>::to_lowercase"));
}

TEST(StackNames, MethodsOfAProgramsOwnTypesAndTraitsAreNot) {
  EXPECT_FALSE(IsPlumbing("<app::Cache>::insert"));
  EXPECT_FALSE(IsPlumbing("<app::Cache<alloc::string::String> as core::ops::drop::Drop>::drop"));
  EXPECT_FALSE(IsPlumbing("<&app::Cache as core::fmt::Debug>::fmt"));
  EXPECT_FALSE(IsPlumbing("<T as app::Store>::put"));
  EXPECT_FALSE(IsPlumbing("<[u8] as app::Store>::put"));
  EXPECT_FALSE(IsPlumbing("app::main::{closure#0}"));
  EXPECT_FALSE(IsPlumbing("<unbalanced"));
  EXPECT_FALSE(IsPlumbing("<"));
}

TEST(StackNames, ProgramsOwnFunctionsAreNot) {
  EXPECT_FALSE(IsPlumbing("main"));
  EXPECT_FALSE(IsPlumbing("Fill(std::vector<int>&)"));
  EXPECT_FALSE(IsPlumbing("my_malloc"));
  EXPECT_FALSE(IsPlumbing("std_like::Make()"));
}

}  // namespace
}  // namespace perfagent
