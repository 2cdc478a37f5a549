pganalytics_unit_test(ingest_test SOURCES ingest/decode_test.cpp ingest/inflate_test.cpp
                      ingest/json_test.cpp ingest/limit_test.cpp ingest/merge_test.cpp
                      ingest/metrics_test.cpp
                      LIBRARIES pganalytics_ingest PkgConfig::INGEST)

add_executable(decode_check ingest/decode_check.cpp)
target_link_libraries(decode_check PRIVATE pganalytics_ingest)
add_test(NAME ingest_against_python
         COMMAND /usr/bin/python3 -m pytest -q -s -p no:cacheprovider
                 ${CMAKE_CURRENT_SOURCE_DIR}/ingest/test_against_python.py
                 ${CMAKE_CURRENT_SOURCE_DIR}/ingest/test_values_against_python.py)
set_tests_properties(ingest_against_python PROPERTIES
                     ENVIRONMENT "PGANALYTICS_DECODE_CHECK=$<TARGET_FILE:decode_check>"
                     COST 50 TIMEOUT 120)
