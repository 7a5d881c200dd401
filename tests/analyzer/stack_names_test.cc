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

TEST(StackNames, ProgramsOwnFunctionsAreNot) {
  EXPECT_FALSE(IsPlumbing("main"));
  EXPECT_FALSE(IsPlumbing("Fill(std::vector<int>&)"));
  EXPECT_FALSE(IsPlumbing("my_malloc"));
  EXPECT_FALSE(IsPlumbing("std_like::Make()"));
}

}  // namespace
}  // namespace perfagent
