#include "adapters/userspace/daemon/request_form.h"

#include <gtest/gtest.h>
#include <linux/fuse.h>

#include <cstring>
#include <string>

namespace userlay {
namespace {

using namespace std::string_literals;

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string request(std::uint32_t opcode, const std::string& body, int lie = 0) {
  fuse_in_header header{};
  header.len = static_cast<std::uint32_t>(sizeof header + body.size()) + static_cast<std::uint32_t>(lie);
  header.opcode = opcode;
  return bytes_of(header) + body;
}

bool good(const std::string& bytes) {
  return well_formed(bytes.data(), bytes.size());
}

TEST(RequestForm, TakesWhatKernelsSend) {
  EXPECT_TRUE(good(request(FUSE_LOOKUP, "name\0"s)));
  EXPECT_TRUE(good(request(FUSE_LOOKUP, std::string(300, 'n') + '\0')))
      << "too long for a name is ENAMETOOLONG";
  EXPECT_TRUE(good(request(FUSE_SYMLINK, "name\0/../target\0"s)));
  EXPECT_TRUE(good(request(FUSE_RENAME2, bytes_of(fuse_rename2_in{1, 0, 0}) + "a\0...\0"s)));
  EXPECT_TRUE(good(request(FUSE_SETXATTR, bytes_of(std::uint64_t{3}) + "user.a\0xyz"s)));
  EXPECT_TRUE(good(request(FUSE_TMPFILE, bytes_of(fuse_create_in{}) + "/\0"s)));
  EXPECT_TRUE(good(request(FUSE_STATFS, "")));
  EXPECT_TRUE(good(request(4242, ""))) << "libfuse knows that it does not know it";
}

TEST(RequestForm, TakesBothLengthsOfAnIntroduction) {
  fuse_init_in init{FUSE_KERNEL_VERSION, 38, 0, 0, 0, {}};
  const std::string old = bytes_of(init).substr(0, 16);
  EXPECT_TRUE(good(request(FUSE_INIT, old)));
  init.flags = FUSE_INIT_EXT;
  EXPECT_TRUE(good(request(FUSE_INIT, bytes_of(init))));
  EXPECT_FALSE(good(request(FUSE_INIT, bytes_of(init).substr(0, 16))));
  init.minor = 5;
  EXPECT_FALSE(good(request(FUSE_INIT, bytes_of(init)))) << "its later requests are shorter";
}

TEST(RequestForm, RefusesWhatIsNotWhole) {
  EXPECT_FALSE(good(""));
  EXPECT_FALSE(good(request(FUSE_STATFS, "").substr(1)));
  EXPECT_FALSE(good(request(FUSE_STATFS, "", 1)));
  EXPECT_FALSE(good(request(FUSE_GETATTR, "short")));
  EXPECT_FALSE(good(request(FUSE_LOOKUP, "never ends")));
  EXPECT_FALSE(good(request(FUSE_SYMLINK, "name\0never ends"s)));
  EXPECT_FALSE(good(request(FUSE_RENAME, bytes_of(fuse_rename_in{1}) + "one\0"s)));
  EXPECT_FALSE(good(request(FUSE_TMPFILE, "")));
  EXPECT_FALSE(good(request(FUSE_NOTIFY_REPLY, bytes_of(fuse_notify_retrieve_in{})))) << "to no question";
}

TEST(RequestForm, RefusesNamesThatAreWays) {
  for (const auto& name : {""s, "."s, ".."s, "a/b"s, "/"s, "../../etc"s}) {
    EXPECT_FALSE(good(request(FUSE_LOOKUP, name + '\0'))) << name;
    EXPECT_FALSE(good(request(FUSE_LINK, bytes_of(fuse_link_in{1}) + name + '\0'))) << name;
    EXPECT_FALSE(good(request(FUSE_RENAME, bytes_of(fuse_rename_in{1}) + "a\0"s + name + '\0'))) << name;
  }
}

TEST(RequestForm, RefusesMoreThanThereIs) {
  fuse_write_in write{};
  write.size = 3;
  EXPECT_TRUE(good(request(FUSE_WRITE, bytes_of(write) + "abc")));
  EXPECT_FALSE(good(request(FUSE_WRITE, bytes_of(write) + "ab")));
  EXPECT_FALSE(good(request(FUSE_SETXATTR, bytes_of(std::uint64_t{4}) + "user.a\0xyz"s)));
  fuse_ioctl_in ioctl{};
  ioctl.in_size = 4;
  EXPECT_FALSE(good(request(FUSE_IOCTL, bytes_of(ioctl) + "ab")));
  const fuse_batch_forget_in forgets{2, 0};
  EXPECT_TRUE(good(request(FUSE_BATCH_FORGET, bytes_of(forgets) + std::string(32, '\0'))));
  EXPECT_FALSE(good(request(FUSE_BATCH_FORGET, bytes_of(forgets) + std::string(31, '\0'))));
}

TEST(RequestForm, RefusesToFillTheMemory) {
  fuse_read_in read{};
  read.size = 1 << 20;
  EXPECT_TRUE(good(request(FUSE_READ, bytes_of(read))));
  read.size = 0xffffffff;
  for (const auto opcode : {FUSE_READ, FUSE_READDIR, FUSE_READDIRPLUS})
    EXPECT_FALSE(good(request(opcode, bytes_of(read)))) << opcode;
}

}  // namespace
}  // namespace userlay
