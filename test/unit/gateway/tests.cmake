add_test(NAME gateway_program
         COMMAND /usr/bin/python3 -m pytest -q -s -p no:cacheprovider
                 ${CMAKE_CURRENT_SOURCE_DIR}/gateway)
set_tests_properties(gateway_program PROPERTIES
                     ENVIRONMENT "PGANALYTICS_GATEWAY=$<TARGET_FILE:pganalytics-gateway>"
                     TIMEOUT 300)

pganalytics_unit_test(gateway_test SOURCES gateway/frame_queue_test.cpp
                      ${PROJECT_SOURCE_DIR}/src/gateway/frame_queue.cpp
                      LIBRARIES pganalytics_protocol)
