;; Products and cosines of many int8 vectors with one, 16 numbers at a time.
(module
  (import "env" "memory" (memory 1))
  ;; the product of one vector of stride bytes (a multiple of 16) with query, stride numbers as int16
  (func $dot (param $data i32) (param $stride i32) (param $at i32) (result i32)
    (local $sum v128) (local $x v128)
    (local.set $sum (v128.const i32x4 0 0 0 0))
    (loop $numbers
      (local.set $x (v128.load (local.get $data)))
      (local.set $sum
        (i32x4.add (local.get $sum)
          (i32x4.add
            (i32x4.dot_i16x8_s
              (i16x8.extend_low_i8x16_s (local.get $x)) (v128.load (local.get $at)))
            (i32x4.dot_i16x8_s
              (i16x8.extend_high_i8x16_s (local.get $x)) (v128.load offset=16 (local.get $at))))))
      (local.set $data (i32.add (local.get $data) (i32.const 16)))
      (local.set $at (i32.add (local.get $at) (i32.const 32)))
      (br_if $numbers
        (local.tee $stride (i32.sub (local.get $stride) (i32.const 16)))))
    (i32.add
      (i32.add (i32x4.extract_lane 0 (local.get $sum)) (i32x4.extract_lane 1 (local.get $sum)))
      (i32.add (i32x4.extract_lane 2 (local.get $sum)) (i32x4.extract_lane 3 (local.get $sum)))))
  ;; data: count vectors of stride bytes; inverse: of each vector's length, float32;
  ;; scores: int16 of dot * inverse * scale, to nearest
  (func (export "search")
    (param $data i32) (param $count i32) (param $stride i32) (param $query i32)
    (param $inverse i32) (param $scores i32) (param $scale f32)
    (local $end i32)
    (local.set $end (i32.add (local.get $scores) (i32.shl (local.get $count) (i32.const 1))))
    (block $done
      (loop $vector
        (br_if $done (i32.ge_u (local.get $scores) (local.get $end)))
        (i32.store16 (local.get $scores)
          (i32.trunc_sat_f32_s
            (f32.nearest
              (f32.mul (local.get $scale)
                (f32.mul (f32.load (local.get $inverse))
                  (f32.convert_i32_s
                    (call $dot (local.get $data) (local.get $stride) (local.get $query))))))))
        (local.set $data (i32.add (local.get $data) (local.get $stride)))
        (local.set $inverse (i32.add (local.get $inverse) (i32.const 4)))
        (local.set $scores (i32.add (local.get $scores) (i32.const 2)))
        (br $vector))))
  ;; products: int32 of dot, by data, count, stride and query as above
  (func (export "products")
    (param $data i32) (param $count i32) (param $stride i32) (param $query i32) (param $products i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $products) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $vector
        (br_if $done (i32.ge_u (local.get $products) (local.get $end)))
        (i32.store (local.get $products)
          (call $dot (local.get $data) (local.get $stride) (local.get $query)))
        (local.set $data (i32.add (local.get $data) (local.get $stride)))
        (local.set $products (i32.add (local.get $products) (i32.const 4)))
        (br $vector)))))
