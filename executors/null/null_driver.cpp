#include "executors/driver.hpp"
