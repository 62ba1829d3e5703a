use super::*;
use image::{ExtendedColorType, ImageEncoder, codecs};
use proptest::prelude::*;

fn raw(encoding: &str, width: u32, height: u32, step: u32, data: Vec<u8>) -> ImageEvent {
    event(ImagePayload::Raw {
        width,
        height,
        encoding: encoding.into(),
        is_bigendian: false,
        step,
        data,
    })
}

fn compressed(format: &str, data: Vec<u8>) -> ImageEvent {
    event(ImagePayload::Compressed { format: format.into(), data })
}

fn event(payload: ImagePayload) -> ImageEvent {
    ImageEvent {
        camera: 0,
        topic: "/eye/image".into(),
        stamp_ns: 0,
        frame_id: "eye".into(),
        payload,
    }
}

fn pixels(event: &ImageEvent) -> Vec<[u8; 3]> {
    decode_color(event).unwrap().pixels().map(|p| p.0).collect()
}

#[test]
fn byte_encodings_become_rgb() {
    let red_blue = [[255, 0, 0], [0, 0, 255]];
    for (encoding, data) in [
        ("rgb8", vec![255, 0, 0, 0, 0, 255]),
        ("bgr8", vec![0, 0, 255, 255, 0, 0]),
        ("rgba8", vec![255, 0, 0, 9, 0, 0, 255, 9]),
        ("bgra8", vec![0, 0, 255, 9, 255, 0, 0, 9]),
    ] {
        assert_eq!(pixels(&raw(encoding, 2, 1, 0, data)), red_blue, "{encoding}");
    }
    assert_eq!(pixels(&raw("mono8", 2, 1, 2, vec![7, 8])), [[7; 3], [8; 3]]);
    assert_eq!(pixels(&raw("mono16", 2, 1, 4, vec![1, 7, 2, 8])), [[7; 3], [8; 3]]);
}

#[test]
fn yuv_pairs_become_rgb() {
    // BT.601: white, black, and red as (81, 90, 240).
    assert_eq!(pixels(&raw("yuv422", 2, 1, 4, vec![128, 235, 128, 16])), [[255; 3], [0; 3]]);
    assert_eq!(pixels(&raw("yuv422_yuy2", 2, 1, 4, vec![235, 128, 16, 128])), [[255; 3], [0; 3]]);
    let red = pixels(&raw("yuv422", 2, 1, 4, vec![90, 81, 240, 81]))[0];
    assert!(red[0] > 250 && red[1] < 5 && red[2] < 5, "{red:?}");
    let error = decode_color(&raw("yuv422", 3, 1, 6, vec![0; 6])).unwrap_err();
    assert!(error.to_string().contains("even"), "{error}");
}

#[test]
fn bayer_mosaics_of_one_colour_come_out_flat() {
    let color = [200, 100, 50];
    for (encoding, tile) in [
        ("bayer_rggb8", [0, 1, 1, 2]),
        ("bayer_bggr8", [2, 1, 1, 0]),
        ("bayer_gbrg8", [1, 2, 0, 1]),
        ("bayer_grbg8", [1, 0, 2, 1]),
    ] {
        let (width, height) = (5, 3);
        let mosaic = (0..width * height)
            .map(|i| color[tile[(i / width % 2 * 2 + i % width % 2) as usize]])
            .collect();
        let got = pixels(&raw(encoding, width, height, width, mosaic));
        assert!(got.iter().all(|p| *p == color), "{encoding}: {got:?}");
    }
}

#[test]
fn compressed_mosaics_get_their_colours() {
    let (width, height) = (4, 2);
    let mosaic: Vec<u8> =
        (0..width * height).map(|i| [200, 100, 100, 50][i / width % 2 * 2 + i % 2]).collect();
    let grey = |width: u32, height: u32, mosaic: &[u8]| {
        let mut png = Vec::new();
        codecs::png::PngEncoder::new(&mut png)
            .write_image(mosaic, width, height, ExtendedColorType::L8)
            .unwrap();
        png
    };
    let png = grey(4, 2, &mosaic);
    let of_sender = compressed("bayer_rggb8; png compressed ", png.clone());
    assert_eq!(pixels(&of_sender), [[200, 100, 50]; 8]);
    let plain: Vec<[u8; 3]> = mosaic.iter().map(|value| [*value; 3]).collect();
    assert_eq!(pixels(&compressed("mono8; png compressed ", png)), plain);
    let error = decode_color(&compressed("bayer_rggb8; png compressed", grey(1, 1, &[7])));
    assert!(error.unwrap_err().to_string().contains("at least 2x2"));
}

#[test]
fn row_padding_is_skipped_and_the_last_may_lack() {
    let data = vec![1, 2, 99, 99, 3, 4];
    assert_eq!(pixels(&raw("mono8", 2, 2, 4, data)), [[1; 3], [2; 3], [3; 3], [4; 3]]);
}

#[test]
fn wrong_sizes_are_refused_before_allocation() {
    let error = decode_color(&raw("rgb8", 640, 480, 1920, vec![0; 100])).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("/eye/image") && text.contains("rgb8"), "{text}");
    assert!(text.contains("921600") && text.contains("100"), "{text}");
    let shape = |width, height, step| {
        matches!(
            decode_color(&raw("rgb8", width, height, step, vec![0; 9])).unwrap_err(),
            SensingError::BadShape { .. }
        )
    };
    assert!(shape(0, 480, 0));
    assert!(shape(u32::MAX, u32::MAX, 0));
    assert!(shape(640, 480, 1919));
    let error = decode_color(&raw("hsv8", 2, 2, 6, vec![0; 12])).unwrap_err();
    assert!(matches!(error, SensingError::UnsupportedEncoding { .. }));
}

#[test]
fn depth_of_either_endianness_becomes_metres() {
    let values = [0_u16, 1500, 65535];
    let little = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let expected = [0.0, 1.5, 0.0];
    assert_eq!(decode_depth(&raw("16UC1", 3, 1, 6, little)).unwrap().data_m, expected);
    let mut big = raw("mono16", 3, 1, 6, values.iter().flat_map(|v| v.to_be_bytes()).collect());
    if let ImagePayload::Raw { is_bigendian, .. } = &mut big.payload {
        *is_bigendian = true;
    }
    assert_eq!(decode_depth(&big).unwrap().data_m, expected);
    let floats = [1.25_f32, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, 0.0];
    let data = floats.iter().flat_map(|v| v.to_le_bytes()).collect();
    let got = decode_depth(&raw("32FC1", 6, 1, 24, data)).unwrap();
    assert_eq!(got.data_m, [1.25, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert!(decode_depth(&raw("rgb8", 1, 1, 3, vec![0; 3])).is_err());
}

fn gradient() -> RgbImage {
    RgbImage::from_fn(32, 16, |x, y| image::Rgb([(x * 8) as u8, (y * 16) as u8, 100]))
}

#[test]
fn jpeg_and_png_colours_survive() {
    let picture = gradient();
    let mut png = Vec::new();
    codecs::png::PngEncoder::new(&mut png)
        .write_image(&picture, 32, 16, ExtendedColorType::Rgb8)
        .unwrap();
    assert_eq!(decode_color(&compressed("bgr8; png compressed bgr8", png)).unwrap(), picture);
    let mut jpeg = Vec::new();
    codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95).encode_image(&picture).unwrap();
    let got = decode_color(&compressed("rgb8; jpeg compressed bgr8", jpeg.clone())).unwrap();
    let worst = got.iter().zip(picture.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(worst < 24, "{worst}");
    let error = decode_depth(&compressed("jpeg", jpeg)).unwrap_err();
    assert!(matches!(error, SensingError::UnsupportedEncoding { .. }));
    assert!(decode_color(&compressed("jpeg", b"nonsense".to_vec())).is_err());
}

/// A PNG with 16-bit grey samples.
fn png16(width: u32, height: u32, values: &[u16]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
    let mut png = Vec::new();
    codecs::png::PngEncoder::new(&mut png)
        .write_image(&bytes, width, height, ExtendedColorType::L16)
        .unwrap();
    png
}

/// The encoder of the RVL paper, for round trips.
fn rvl_encode(values: &[u16]) -> Vec<u8> {
    let mut groups = Vec::new();
    let mut put = |mut value: u32| {
        loop {
            let more = value >> 3 != 0;
            groups.push(value & 7 | u32::from(more) << 3);
            value >>= 3;
            if !more {
                break;
            }
        }
    };
    let (mut at, mut previous) = (0, 0);
    while at < values.len() {
        let zeros = values[at..].iter().take_while(|v| **v == 0).count();
        put(zeros as u32);
        at += zeros;
        let readings = values[at..].iter().take_while(|v| **v != 0).count();
        put(readings as u32);
        for value in &values[at..at + readings] {
            let delta = i32::from(*value) - previous;
            put((delta << 1 ^ delta >> 31) as u32);
            previous = i32::from(*value);
        }
        at += readings;
    }
    groups
        .chunks(8)
        .flat_map(|word| {
            let mut bits = word.iter().fold(0_u32, |bits, group| bits << 4 | group);
            bits <<= 4 * (8 - word.len());
            bits.to_le_bytes()
        })
        .collect()
}

fn with_header(quant: [f32; 2], rvl_size: Option<(u32, u32)>, stream: Vec<u8>) -> Vec<u8> {
    let mut data = 0_i32.to_le_bytes().to_vec();
    quant.iter().for_each(|q| data.extend(q.to_le_bytes()));
    if let Some((width, height)) = rvl_size {
        data.extend(width.to_le_bytes());
        data.extend(height.to_le_bytes());
    }
    data.extend(stream);
    data
}

#[test]
fn compressed_depth_of_all_kinds_becomes_metres() {
    let values = [0, 1000, 65535, 2000, 0, 3];
    let expected = [0.0, 1.0, 0.0, 2.0, 0.0, 0.003];
    let png = with_header([0.0; 2], None, png16(3, 2, &values));
    for format in
        ["16UC1; compressedDepth", "16UC1; compressedDepth png", "16UC1;compressedDepth png"]
    {
        let got = decode_depth(&compressed(format, png.clone())).unwrap();
        assert_eq!((got.width, got.height), (3, 2));
        assert_eq!(got.data_m, expected, "{format}");
    }
    let rvl = with_header([0.0; 2], Some((3, 2)), rvl_encode(&values));
    let got = decode_depth(&compressed("16UC1; compressedDepth rvl", rvl)).unwrap();
    assert_eq!(got.data_m, expected);
    let png = png16(3, 2, &values);
    assert_eq!(decode_depth(&compressed("16UC1; png compressed", png)).unwrap().data_m, expected);
}

#[test]
fn inverse_depth_follows_image_transport() {
    // The sender's formulas with its defaults: depth_quantization 100, depth_max 10.
    let quant_a = 100.0_f32 * 101.0;
    let quant_b = 1.0 - quant_a / 10.0;
    let depths = [0.5_f32, 1.0, 4.2, 9.9];
    let mut values: Vec<u16> = depths.iter().map(|d| (quant_a / d + quant_b) as u16).collect();
    values.extend([0, 0]);
    for (format, data) in [
        ("32FC1; compressedDepth png", with_header([quant_a, quant_b], None, png16(3, 2, &values))),
        (
            "32FC1; compressedDepth rvl",
            with_header([quant_a, quant_b], Some((3, 2)), rvl_encode(&values)),
        ),
    ] {
        let got = decode_depth(&compressed(format, data)).unwrap().data_m;
        for (got, depth) in got.iter().zip(depths) {
            assert!((got - depth).abs() < depth * depth / quant_a * 1.1, "{got} {depth}");
        }
        assert_eq!(got[4..], [0.0, 0.0]);
    }
}

#[test]
fn broken_compressed_depth_is_named() {
    let text = |format: &str, data: Vec<u8>| {
        decode_depth(&compressed(format, data)).unwrap_err().to_string()
    };
    let rvl = "16UC1; compressedDepth rvl";
    assert!(text(rvl, vec![0; 5]).contains("header of 12 bytes"));
    assert!(text(rvl, with_header([0.0; 2], Some((4, 4)), vec![])).contains("ends at pixel 0"));
    // A run of 2^29 zeros in 16 pixels.
    let run = with_header([0.0; 2], Some((4, 4)), vec![0xff; 16]);
    assert!(text(rvl, run).contains("more than 30 bits"));
    let long = with_header([0.0; 2], Some((4, 4)), rvl_encode(&[0; 17]));
    assert!(text(rvl, long).contains("longer than the image"));
    let huge = with_header([0.0; 2], Some((u32::MAX, u32::MAX)), vec![]);
    assert!(text(rvl, huge).contains("pixels a side"));
    assert!(text("16UC1; compressedDepth zstd", vec![0; 40]).contains("cannot decode"));
    assert!(
        text("8UC1; compressedDepth rvl", with_header([0.0; 2], Some((1, 1)), rvl_encode(&[5])))
            .contains("cannot decode")
    );
    let grey8 = {
        let mut png = Vec::new();
        codecs::png::PngEncoder::new(&mut png)
            .write_image(&[1, 2], 2, 1, ExtendedColorType::L8)
            .unwrap();
        with_header([0.0; 2], None, png)
    };
    assert!(text("16UC1; compressedDepth png", grey8).contains("16-bit grey"));
}

proptest! {
    #[test]
    fn rvl_round_trip(values in proptest::collection::vec(
        prop_oneof![Just(0_u16), any::<u16>(), 900..1100_u16], 1..300
    )) {
        prop_assert_eq!(rvl::decode(&rvl_encode(&values), values.len()).unwrap(), values);
    }

    #[test]
    fn raw_images_never_panic(
        encoding in prop::sample::select(vec![
            "rgb8", "bgr8", "rgba8", "bgra8", "mono8", "mono16", "yuv422", "yuv422_yuy2",
            "bayer_rggb8", "bayer_grbg8", "16UC1", "32FC1", "wat",
        ]),
        width in prop_oneof![0..9_u32, any::<u32>()],
        height in prop_oneof![0..9_u32, any::<u32>()],
        step in prop_oneof![0..40_u32, any::<u32>()],
        is_bigendian in any::<bool>(),
        data in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let encoding = encoding.to_owned();
        let payload = ImagePayload::Raw { width, height, encoding, is_bigendian, step, data };
        let event = event(payload);
        if let Ok(image) = decode_color(&event) {
            prop_assert_eq!(image.dimensions(), (width, height));
        }
        if let Ok(image) = decode_depth(&event) {
            prop_assert_eq!(image.data_m.len(), (width * height) as usize);
            prop_assert!(image.data_m.iter().all(|m| m.is_finite() && *m >= 0.0));
        }
    }

    #[test]
    fn compressed_depth_never_panics(
        format in prop::sample::select(vec![
            "16UC1; compressedDepth rvl", "32FC1; compressedDepth rvl",
            "16UC1; compressedDepth png", "compressedDepth", "; compressedDepth rvl png",
        ]),
        size in prop::option::of((0..20_u32, 0..20_u32)),
        quant in any::<[f32; 2]>(),
        tail in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let data = with_header(quant, size, tail);
        if let Ok(image) = decode_depth(&compressed(format, data)) {
            prop_assert!(image.data_m.iter().all(|m| m.is_finite() && *m >= 0.0));
        }
    }

    #[test]
    fn cut_and_spoiled_pictures_never_panic(
        cut in 0..400_usize, at in 0..400_usize, byte in any::<u8>()
    ) {
        let mut jpeg = Vec::new();
        codecs::jpeg::JpegEncoder::new(&mut jpeg).encode_image(&gradient()).unwrap();
        for mut data in [jpeg, png16(8, 4, &[7; 32])] {
            data.truncate(data.len().saturating_sub(cut));
            if let Some(place) = data.get_mut(at) {
                *place = byte;
            }
            let _ = decode_color(&compressed("jpeg", data.clone()));
            let _ = decode_depth(&compressed("png", data.clone()));
            let _ = decode_depth(&compressed("16UC1; compressedDepth", with_header([0.0; 2], None, data)));
        }
    }
}
