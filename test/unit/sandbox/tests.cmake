if(SECCOMP_FOUND)
  pganalytics_unit_test(sandbox_test SOURCES sandbox/filter_test.cpp LIBRARIES pganalytics_sandbox)
  target_include_directories(sandbox_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
endif()
