#include "harness/run/image_mount.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "harness/ops/fd.h"

namespace ovlcheck {
namespace {

constexpr int kAttempts = 100;  // other workers look for a free device at the same time

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

struct LoopDevice {
  std::string path;
  Fd fd;  // keeps it until something else does
};

LoopDevice attach(int image, ImageUse use) {
  const Fd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control)
    fail("no loop devices here (modprobe loop, or give the container /dev/loop*): /dev/loop-control");
  struct loop_config config = {};
  config.fd = static_cast<__u32>(image);
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (use == ImageUse::read_only ? LO_FLAGS_READ_ONLY : 0);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) fail("no free loop device: LOOP_CTL_GET_FREE");
    LoopDevice device{"/dev/loop" + std::to_string(number), Fd()};
    device.fd = Fd(open(device.path.c_str(), (use == ImageUse::read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC));
    if (!device.fd) fail("open " + device.path);
    if (ioctl(device.fd.get(), LOOP_CONFIGURE, &config) == 0) return device;
    if (errno != EBUSY) fail("LOOP_CONFIGURE of " + device.path + " (needs Linux 5.8)");
  }
  fail("every loop device that was free was taken at once");
}

}  // namespace

void mount_image(int image, const std::string& fs, const std::string& target, ImageUse use) {
  const LoopDevice device = attach(image, use);
  const unsigned long flags = use == ImageUse::read_only ? MS_RDONLY : 0;
  if (mount(device.path.c_str(), target.c_str(), fs.c_str(), flags, nullptr) != 0)
    fail("mount " + fs + " (modprobe " + fs + ")");
}

}  // namespace ovlcheck
