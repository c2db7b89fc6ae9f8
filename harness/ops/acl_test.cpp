#include "harness/ops/acl.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

TEST(Acl, GoesToTheAttributeAndBack) {
  for (const char* text : {"u::rw-,g::r--,o::---", "u::rwx,u:1000:r--,g::r-x,g:5:-w-,m::rwx,o::--x", ""}) {
    const auto value = xattr_from_acl(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(acl_from_xattr(*value), text);
  }
}

TEST(Acl, RefusesMalformedText) {
  for (const char* text : {"u::rw", "x::rwx", "m:5:rwx", "u:abc:rwx", "u::wrx", "u", ",", "u:5x:rwx"})
    EXPECT_FALSE(xattr_from_acl(text)) << text;
}

TEST(Acl, RefusesMalformedValues) {
  EXPECT_FALSE(acl_from_xattr(""));
  EXPECT_FALSE(acl_from_xattr(std::string(4, '\0')));
  EXPECT_FALSE(acl_from_xattr(*xattr_from_acl("u::rwx") + "x"));
}

}  // namespace
}  // namespace ovlcheck
